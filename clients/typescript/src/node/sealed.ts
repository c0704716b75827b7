/** Files that are whole or not there: written beside, synced, put in place at once, and sealed with a checksum. */

import { createHash } from "node:crypto";
import { open, readFile, rename } from "node:fs/promises";
import { dirname } from "node:path";

/** The format of the files. */
const FORMAT = 1;

/** Puts `body`, as JSON, in the place of the file at `path`. Resolves when it is on disk. */
export async function writeSealed(path: string, body: unknown): Promise<void> {
  const text = JSON.stringify(body);
  const draft = `${path}.draft`;
  const file = await open(draft, "w", 0o600);
  try {
    await file.writeFile(`${JSON.stringify({ revring: FORMAT, sha256: sha256(text) })}\n${text}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, path);
  await syncDirectory(dirname(path));
}

/** What the file at `path` holds, undefined when there is none. Throws an `Error` in words when it is not whole. */
export async function readSealed(path: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
  const end = text.indexOf("\n");
  const { format, seal } = headOf(text.slice(0, end));
  if (format === undefined) throw new Error(`${path} is not a file of revring; move it away to begin anew`);
  if (format !== FORMAT) {
    throw new Error(
      `${path} has format ${format}, written by another version of revring; this one reads ${FORMAT}`,
    );
  }
  const body = text.slice(end + 1, -1);
  if (text.at(-1) !== "\n" || sha256(body) !== seal) {
    throw new Error(`${path} is damaged; restore it, or move it away to begin anew without what was pending`);
  }
  return JSON.parse(body);
}

function headOf(line: string): { format?: unknown; seal?: unknown } {
  try {
    const { revring, sha256 } = JSON.parse(line);
    return { format: revring, seal: sha256 };
  } catch {
    return {};
  }
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** Has a name that was put into a directory outlive a power failure, where the system can do that. */
async function syncDirectory(path: string): Promise<void> {
  if (process.platform === "win32") return;
  const directory = await open(path, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
