// How large the SDK is for a page that writes `import { connect } from "revring"`: with all that this imports, minified,
// gzip -9. What a page does not import does not count (`keyBetween`, changes as values). Fails when it is too large.
//
//   npm run size -w revring

import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "vite";

/** Each entry, and the bytes that it may have. */
const ENTRIES = [
  { name: "revring", file: "index.ts", limit: 16 * 1024 },
  { name: "revring/json", file: "json.ts", limit: 15.5 * 1024 },
];
const source = fileURLToPath(new URL("../src/", import.meta.url));

/** A page's module that imports `connect` of the entry `file`. */
const page = (file) => ({
  name: "page",
  resolveId: (id) => (id === "page" ? "\0page" : null),
  load: (id) => (id === "\0page" ? `export { connect } from ${JSON.stringify(source + file)};` : null),
});

async function sizeOf(file) {
  const { output } = await build({
    configFile: false,
    logLevel: "warn",
    plugins: [page(file)],
    build: {
      write: false,
      target: "es2022",
      modulePreload: false,
      rolldownOptions: {
        input: "page",
        preserveEntrySignatures: "strict",
        output: { format: "es", minify: true, comments: false },
      },
    },
  });
  const code = output.map((chunk) => chunk.code).join("");
  return { minified: Buffer.byteLength(code), gzipped: gzipSync(code, { level: 9 }).length };
}

const rows = [];
for (const entry of ENTRIES) rows.push({ ...entry, ...(await sizeOf(entry.file)) });

const column = (value) => value.toLocaleString("en").padStart(11);
console.log(`${"entry".padEnd(14)}${["minified", "gzip -9", "limit"].map(column).join("")}`);
for (const { name, minified, gzipped, limit } of rows) {
  console.log(`${name.padEnd(14)}${[minified, gzipped, limit].map(column).join("")}`);
}

const [all, json] = rows;
const problems = rows
  .filter(({ gzipped, limit }) => gzipped > limit)
  .map(({ name, gzipped, limit }) => `${name} is ${gzipped - limit} bytes too large`);
if (json.gzipped >= all.gzipped) problems.push("revring/json is not smaller than revring");
for (const problem of problems) console.error(problem);
process.exitCode = problems.length > 0 ? 1 : 0;
