/** One process at a time in a directory, however the one before it ended. */

import { randomUUID } from "node:crypto";
import { link, readdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";

/** How often a holder shows that it lives, in milliseconds, and after how long another host may take its place. */
const TOUCH_MS = 5_000;
const STALE_MS = 60_000;

/** A directory that is held. */
export interface FileLock {
  /** Throws when another process has taken the directory, because this one seemed dead, or when it was removed. */
  check(): Promise<void>;
  release(): Promise<void>;
}

/** What a lock file says: who holds the directory, or nobody. */
interface Holder {
  readonly free: boolean;
  readonly pid: number;
  readonly host: string;
  /** When the process began, in whatever unit the system has; "": unknown. Process ids are used again. */
  readonly began: string;
}

/** The directories that this process holds. */
const held = new Set<string>();

/**
 * Takes `directory`. Throws an `Error` in words when another has it.
 *
 * The holder is who made the lock file with the highest number. A number is made once, with its content (`link`), and
 * the highest is never removed, so that of two who find a dead holder one alone gets the next number.
 */
export async function lockDirectory(directory: string): Promise<FileLock> {
  const draft = join(directory, `draft.${randomUUID()}`);
  await writeFile(draft, JSON.stringify(await self()));
  try {
    for (;;) {
      const before = await highest(directory);
      if (before > 0) await refuseIfHeld(directory, before, draft);
      const path = pathOf(directory, before + 1);
      if (!(await made(draft, path))) continue;
      const numbers = await numbersIn(directory);
      if (Math.max(...numbers) === before + 1) {
        await Promise.all(numbers.map((n) => n <= before && rm(pathOf(directory, n), { force: true })));
        return new Held(directory, path);
      }
      await rm(path, { force: true });
    }
  } finally {
    await rm(draft, { force: true });
  }
}

class Held implements FileLock {
  private readonly timer: NodeJS.Timeout;

  constructor(
    private readonly directory: string,
    private readonly path: string,
  ) {
    held.add(directory);
    this.timer = setInterval(
      () => void utimes(path, new Date(), new Date()).catch(() => {}),
      TOUCH_MS,
    ).unref();
  }

  async check(): Promise<void> {
    await stat(this.path).catch(() => {
      throw new Error(`${this.directory} has been removed, or another process has taken it`);
    });
  }

  async release(): Promise<void> {
    clearInterval(this.timer);
    if (!held.delete(this.directory)) return;
    const draft = join(this.directory, `draft.${randomUUID()}`);
    try {
      await this.check();
      await writeFile(draft, JSON.stringify({ ...(await self()), free: true }));
      await rename(draft, this.path);
    } catch {
      // It is another's, or nobody's. At worst the lock is that of a process that has ended.
    }
  }
}

async function refuseIfHeld(directory: string, n: number, draft: string): Promise<void> {
  const path = pathOf(directory, n);
  const holder = await readHolder(path);
  if (!holder || holder.free) return;
  const mine = holder.host === hostname();
  const alive = mine ? await runs(directory, holder) : await isFresh(path, draft);
  if (!alive) return;
  const who = mine ? `process ${holder.pid}` : `process ${holder.pid} on ${holder.host}`;
  throw new Error(`${who} has this room open in ${directory}; give each process a directory of its own`);
}

/** What the lock file at `path` says; undefined when it has just been removed. */
async function readHolder(path: string): Promise<Holder | undefined> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (isCode(error, "ENOENT")) return undefined;
    throw error;
  }
  try {
    const holder: Holder = JSON.parse(text);
    if (typeof holder.pid === "number" && typeof holder.host === "string") return holder;
  } catch {
    // Said below.
  }
  throw new Error(`${path} is not a lock file of revring; remove it if no process has this directory open`);
}

/** Whether the process that took `directory` still runs on this host. */
async function runs(directory: string, { pid, began }: Holder): Promise<boolean> {
  // Where processes cannot be told apart by when they began, this one knows what it holds itself.
  if (pid === process.pid && began === "") return held.has(directory);
  try {
    process.kill(pid, 0);
  } catch (error) {
    return isCode(error, "EPERM");
  }
  return began === (await beganOf(pid));
}

/** Whether the holder on another host has shown a sign of life, by the clock of the file system. */
async function isFresh(path: string, draft: string): Promise<boolean> {
  const [theirs, own] = await Promise.all([stat(path), stat(draft)]);
  return own.mtimeMs - theirs.mtimeMs < STALE_MS;
}

async function self(): Promise<Holder> {
  return { free: false, pid: process.pid, host: hostname(), began: await beganOf(process.pid) };
}

/** When the process `pid` began: field 22 of /proc/pid/stat, behind a name that may contain anything. */
async function beganOf(pid: number): Promise<string> {
  try {
    const text = await readFile(`/proc/${pid}/stat`, "utf8");
    return text.slice(text.lastIndexOf(")") + 2).split(" ")[19] ?? "";
  } catch {
    return "";
  }
}

async function made(draft: string, path: string): Promise<boolean> {
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if (isCode(error, "EEXIST")) return false;
    throw error;
  }
}

async function numbersIn(directory: string): Promise<number[]> {
  const names = await readdir(directory);
  return names.flatMap((name) => (/^lock\.\d+$/.test(name) ? [Number(name.slice(5))] : []));
}

async function highest(directory: string): Promise<number> {
  return Math.max(0, ...(await numbersIn(directory)));
}

function pathOf(directory: string, n: number): string {
  return join(directory, `lock.${n}`);
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
