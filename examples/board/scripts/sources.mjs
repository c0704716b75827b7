import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

/**
 * SHA-256, in hex, of all that the board is made of: of each file in the order of their paths its path, a NUL, its
 * content, a NUL. `sources.txt` names the files and folders. The server's test `tests/board.rs` does the same.
 */
export function sourcesDigest(/** @type {string} */ repository) {
  const roots = readFileSync(join(repository, "examples/board/scripts/sources.txt"), "utf8")
    .trim()
    .split("\n");
  const hash = createHash("sha256");
  for (const path of roots.flatMap((root) => filesIn(repository, root)).sort()) {
    hash
      .update(`${path}\0`)
      .update(readFileSync(join(repository, path)))
      .update("\0");
  }
  return hash.digest("hex");
}

/** @returns {string[]} the files at or under `path`, without those whose name begins with a dot */
function filesIn(/** @type {string} */ repository, /** @type {string} */ path) {
  if (!statSync(join(repository, path)).isDirectory()) return [path];
  const names = readdirSync(join(repository, path)).filter((name) => !name.startsWith("."));
  return names.flatMap((name) => filesIn(repository, `${path}/${name}`));
}
