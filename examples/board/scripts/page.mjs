// Makes the page that the server embeds of the one that vite built: `node page.mjs FILE`.
import { readFileSync, writeFileSync } from "node:fs";
import { argv } from "node:process";
import { fileURLToPath } from "node:url";
import { licenses } from "./licenses.mjs";
import { sourcesDigest } from "./sources.mjs";

const repository = fileURLToPath(new URL("../../..", import.meta.url));
const built = readFileSync(new URL("../dist/index.html", import.meta.url), "utf8").trimEnd();

const start = /<meta charset="utf-8"\s*\/?>/i;
if (!start.test(built)) throw new Error("the page does not begin as expected");
const sources = `<meta name="revring-sources" content="${sourcesDigest(repository)}">`;
const page = built.replace(start, (charset) => `${charset}\n    ${sources}`);
const notice = `<!--\nMade by \`just board\` from examples/board. Parts of it:\n\n${licenses(repository)}\n-->`;

const file = argv[2];
if (!file) throw new Error("say where the page is to be written");
writeFileSync(file, `${page}\n${notice}\n`);
