/** Processes of their own, and folders for them. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { build } from "vite";

/** Folders that are removed in the end. */
export function temporary() {
  const made: string[] = [];
  return {
    make: async () => {
      const folder = await mkdtemp(join(tmpdir(), "revring-"));
      made.push(folder);
      return folder;
    },
    clear: () => Promise.all(made.map((folder) => rm(folder, { recursive: true, force: true }))),
  };
}

/** The TypeScript file `entry` of this folder as a program for Node, in `folder`. Returns its path. */
export async function program(entry: string, folder: string): Promise<string> {
  await build({
    configFile: false,
    logLevel: "error",
    build: {
      ssr: join(import.meta.dirname, entry),
      outDir: folder,
      emptyOutDir: false,
      minify: false,
      rollupOptions: { output: { entryFileNames: "program.mjs" } },
    },
    ssr: { noExternal: true },
  });
  return join(folder, "program.mjs");
}

/** A process that says lines. */
export class Child {
  private readonly process: ChildProcess;
  private readonly lines: AsyncIterator<string>;

  constructor(path: string, ...args: string[]) {
    this.process = spawn(process.execPath, [path, ...args], { stdio: ["pipe", "pipe", "inherit"] });
    if (!this.process.stdout) throw new Error("no standard output");
    this.lines = createInterface(this.process.stdout)[Symbol.asyncIterator]();
  }

  /** The next line that it says; undefined: it has ended. */
  async line(): Promise<string | undefined> {
    const { value, done } = await this.lines.next();
    return done ? undefined : value;
  }

  /** Tells it a line. */
  say(line: string): void {
    this.process.stdin?.write(`${line}\n`);
  }

  /** Ends it at once, with no chance to do anything. */
  async kill(): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const gone = once(this.process, "exit");
    this.process.kill("SIGKILL");
    await gone;
  }
}
