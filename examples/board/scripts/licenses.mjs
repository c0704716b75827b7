import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** The licenses of the packages that are part of the board, each text once: they have to go where the packages go. */
export function licenses(/** @type {string} */ repository) {
  /** @type {Map<string, string[]>} */
  const texts = new Map();
  for (const path of bundled(repository)) {
    const folder = join(repository, path);
    const { name, version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
    if (!file) throw new Error(`${name} comes without its license`);
    const text = readFileSync(join(folder, file), "utf8").replaceAll("\r\n", "\n").trim();
    texts.set(text, [...(texts.get(text) ?? []), `${name} ${version}`]);
  }
  return [...texts].map(([text, names]) => `${names.join(", ")}\n\n${text}`).join("\n\n---\n\n");
}

/** @returns {string[]} where the packages are that are not there for development alone */
function bundled(/** @type {string} */ repository) {
  const { packages } = JSON.parse(readFileSync(join(repository, "package-lock.json"), "utf8"));
  return Object.keys(packages).filter((path) => {
    const { dev, devOptional, optional, link } = packages[path];
    return path.startsWith("node_modules/") && !dev && !devOptional && !optional && !link;
  });
}
