/** The real server, for tests. */

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const REPOSITORY = join(import.meta.dirname, "../../../..");

/** The path of a program of this repository. Throws when it is not built. */
export function program(name: string): string {
  const path = join(process.env.CARGO_TARGET_DIR ?? join(REPOSITORY, "target"), "debug", name);
  if (existsSync(path)) return path;
  throw new Error(`${path} is missing: run cargo build --locked -p revring -p revring-conformance`);
}

/** A program that runs. */
export interface Running {
  /** The first line that it printed. */
  readonly line: string;
  /** Ends with its exit code. */
  readonly ended: Promise<number | null>;
  /** All that it has printed on stdout so far, line by line. */
  readonly lines: readonly string[];
  /** Sends a signal, SIGTERM by default, and waits for the end. */
  end(signal?: NodeJS.Signals): Promise<void>;
}

/** Starts a program of this repository, which says on stdout that it is ready. */
export async function run(name: string, args: readonly string[]): Promise<Running> {
  const child = spawn(program(name), args, { stdio: ["ignore", "pipe", "pipe"] });
  const lines: string[] = [];
  let complaints = "";
  child.stderr.on("data", (data) => {
    complaints += data;
  });
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
  const stdout = createInterface({ input: child.stdout });
  const line = await new Promise<string>((resolve, reject) => {
    stdout.on("line", (line) => {
      lines.push(line);
      resolve(line);
    });
    ended.then((code) => reject(new Error(`${name} ended with ${code}: ${complaints}`)));
  });
  children.add(child);
  ended.then(() => children.delete(child));
  return {
    line,
    lines,
    ended,
    end: async (signal = "SIGTERM") => {
      child.kill(signal);
      await ended;
    },
  };
}

const children = new Set<ChildProcess>();
// No test leaves a program behind, however it ends.
process.on("exit", () => {
  for (const child of children) child.kill("SIGKILL");
});

/** A server. */
export interface Server {
  /** `ws://127.0.0.1:…/v1/ws` */
  readonly url: string;
  /** `http://127.0.0.1:…` */
  readonly httpUrl: string;
  /** Ends it at once, as a crash does. */
  kill(): Promise<void>;
  /** Has it shut down, which it tells its clients. */
  stop(): Promise<void>;
  /** Starts it again on the same port and the same data, after ending it if it still runs; other arguments if given. */
  restart(args?: readonly string[]): Promise<void>;
}

const cleanups: (() => Promise<void>)[] = [];

/** Ends what the tests of a file have started: for `afterAll` or `afterEach`. */
export async function stopServers(): Promise<void> {
  await Promise.all(cleanups.splice(0).map((clean) => clean()));
}

/**
 * Starts a server on a free port, with rooms in memory unless `args` name a `--data-dir`. `dataDir()` makes one.
 */
export async function startServer(args: readonly string[] = []): Promise<Server> {
  let own = args;
  const storage = () => (own.includes("--data-dir") ? [] : ["--ephemeral"]);
  const start = (address: string) => run("revring", ["serve", "--listen", address, ...storage(), ...own]);
  let running = await start("127.0.0.1:0");
  const address = /127\.0\.0\.1:\d+/.exec(running.line)?.[0];
  if (!address) throw new Error(`no address in ${running.line}`);
  cleanups.push(() => running.end("SIGKILL"));
  return {
    url: `ws://${address}/v1/ws`,
    httpUrl: `http://${address}`,
    kill: () => running.end("SIGKILL"),
    stop: () => running.end(),
    restart: async (args = own) => {
      await running.end("SIGKILL");
      own = args;
      running = await start(address);
    },
  };
}

/** A folder that {@link stopServers} removes. */
export async function dataDir(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "revring-"));
  cleanups.push(() => rm(path, { recursive: true, force: true, maxRetries: 5 }));
  return path;
}
