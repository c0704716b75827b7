import { mkdir, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { lockDirectory } from "../../src/node/lock.js";
import { Child, program, temporary } from "./child.js";

const folders = temporary();
let path = "";
let root = "";
beforeAll(async () => {
  path = await program("lock-child.ts", await folders.make());
});
beforeEach(async () => {
  root = await folders.make();
});
afterAll(() => folders.clear());

describe("one process at a time", () => {
  test("a second process is refused in words, until the first is gone, however it went", async () => {
    const first = new Child(path, root);
    const opened = await first.line();
    expect(opened).toMatch(/^open /);
    const second = new Child(path, root);
    expect(await second.line()).toMatch(
      /^refused process \d+ has this room open in .*; give each process a directory of its own$/,
    );
    await first.kill();
    const third = new Child(path, root);
    expect(await third.line()).toBe(opened);
    await Promise.all([second.kill(), third.kill()]);
  });

  test("a process cannot have it twice", async () => {
    const child = new Child(path, root, "2");
    expect(await child.line()).toMatch(/^open /);
    expect(await child.line()).toMatch(/^refused process \d+ has this room open/);
    await child.kill();
  });

  test("of many that find a dead holder at once, one has it", async () => {
    for (let round = 0; round < 3; round++) {
      const children = Array.from({ length: 5 }, () => new Child(path, root));
      const lines = await Promise.all(children.map((child) => child.line()));
      expect(lines.filter((line) => line?.startsWith("open "))).toHaveLength(1);
      await Promise.all(children.map((child) => child.kill()));
    }
  });

  test("in one process, of many that want a free directory at once, one has it", async () => {
    for (let round = 0; round < 20; round++) {
      const attempts = await Promise.allSettled(Array.from({ length: 8 }, () => lockDirectory(root)));
      const locks = attempts.flatMap((attempt) => (attempt.status === "fulfilled" ? [attempt.value] : []));
      expect(locks).toHaveLength(1);
      await locks[0]?.check();
      await locks[0]?.release();
    }
    expect(await readdir(root)).toHaveLength(1);
  });

  test("a holder on another host is believed for a minute after its last sign of life", async () => {
    const holder = join(root, "lock.4");
    await writeFile(holder, JSON.stringify({ free: false, pid: 1, host: "elsewhere", began: "" }));
    await expect(lockDirectory(root)).rejects.toThrow("process 1 on elsewhere has this room open");
    const long = new Date(Date.now() - 120_000);
    await utimes(holder, long, long);
    const lock = await lockDirectory(root);
    expect(await readdir(root)).toEqual(["lock.5"]);
    await lock.release();
  });

  test("a process id that was used again holds nothing", async () => {
    await writeFile(
      join(root, "lock.1"),
      JSON.stringify({
        free: false,
        pid: process.pid,
        host: hostname(),
        began: "1",
      }),
    );
    await (await lockDirectory(root)).release();
  });

  test("who lost its directory is told", async () => {
    const lock = await lockDirectory(root);
    await mkdir(join(root, "x"));
    await writeFile(join(root, "lock.2"), "{}");
    await rm(join(root, "lock.1"));
    await expect(lock.check()).rejects.toThrow("another process has taken it");
    await lock.release();
    expect((await readdir(root)).sort()).toEqual(["lock.2", "x"]);
  });

  test("a lock file that is none is refused in words", async () => {
    await writeFile(join(root, "lock.1"), "{}");
    await expect(lockDirectory(root)).rejects.toThrow("is not a lock file of revring");
  });
});
