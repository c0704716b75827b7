import { readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { fileStore } from "../../src/node.js";
import type { Seat } from "../../src/store.js";
import { temporary } from "./child.js";
import { Model, step } from "./model.js";
import { record, saved, write } from "./values.js";

const folders = temporary();
afterAll(() => folders.clear());
let root = "";
beforeEach(async () => {
  root = await folders.make();
});

const ROOM = { url: "ws://localhost/v1/ws", room: "r/1", warn: () => {} };
const open = (room = ROOM): Promise<Seat> => fileStore(root).open(room);

/** The one seat's files. */
async function seatFolder(): Promise<string> {
  const [room = ""] = await readdir(root);
  return join(root, room, "own");
}

describe("the file store", () => {
  test("n2 the client key is on disk before the seat is given out", async () => {
    const seat = await open();
    expect(seat.clientKey).toMatch(/^[A-Za-z0-9_-]{22}$/);
    expect(await readFile(join(await seatFolder(), "seat.json"), "utf8")).toContain(seat.clientKey);
    await seat.close();
    const again = await open();
    expect(again.clientKey).toBe(seat.clientKey);
    expect(again.take()).toBeUndefined();
    await again.close();
  });

  test("what is stored comes back as it was, awkward names included", async () => {
    const data = JSON.parse('{"__proto__": {"a": 1}, "constructor": null, "": [1.5, "ü€😀\\n"]}');
    const odd = [record("x", data), record("ü/😀", {}, "__proto__")];
    const update = saved("u", { aliases: ["v"], firstRev: 2, form: { baseRev: 2, changes: [] } });
    const seat = await open();
    await seat.write(write([update, saved("w")], odd));
    await seat.close();
    const again = await open();
    const stored = again.take();
    expect(stored?.pending.queue).toEqual([update, saved("w")]);
    expect([...(stored?.records ?? [])]).toEqual(odd);
    await again.close();
  });

  test("follows any row of writes, small and large", async () => {
    const property = fc.asyncProperty(fc.array(step, { maxLength: 6 }), fc.nat(200), async (steps, many) => {
      await rm(root, { recursive: true });
      const model = new Model();
      let seat = await open();
      const first = Array.from({ length: many }, (_, index): [string, number] => [`r${index}`, index]);
      await seat.write(model.write([], first, false));
      for (const { queue, records, all } of steps) {
        await seat.write(model.write(queue, records, all));
        await seat.close();
        seat = await open();
        expect(seat.take()).toEqual(expect.objectContaining({ pending: model.saved() }));
      }
      await seat.close();
      const last = await open();
      const records = [...(last.take()?.records ?? [])];
      expect(new Map(records.map((of) => [`c\n${of.id}`, of]))).toEqual(model.records);
      await last.close();
      // Nothing is left behind.
      expect((await readdir(await seatFolder())).length).toBeLessThanOrEqual(3);
    });
    await fc.assert(property, { numRuns: 15 });
  });

  test("a room, a server and a client key have seats of their own", async () => {
    const rooms = [
      ROOM,
      { ...ROOM, room: "s" },
      { ...ROOM, url: "ws://elsewhere/" },
      { ...ROOM, clientKey: "given-by-the-application" },
    ];
    const seats = await Promise.all(rooms.map((room) => open(room)));
    expect(new Set(seats.map((seat) => seat.clientKey)).size).toBe(4);
    expect(seats[3]?.clientKey).toBe("given-by-the-application");
    for (const seat of seats) await seat.close();
  });

  test("forget removes a room, a server, or all, and nothing else in the directory", async () => {
    for (const room of [ROOM, { ...ROOM, room: "s" }, { ...ROOM, url: "ws://elsewhere/" }])
      await (await open(room)).close();
    await writeFile(join(root, "mine.txt"), "");
    const { forget } = fileStore(root);
    await forget("http://localhost", "r/1");
    expect(await readdir(root)).toHaveLength(3);
    await forget("ws://localhost");
    expect(await readdir(root)).toHaveLength(2);
    await forget();
    expect(await readdir(root)).toEqual(["mine.txt"]);
  });

  test("a room that is still open when it is forgotten stores nothing more", async () => {
    const seat = await open();
    await fileStore(root).forget();
    await expect(seat.write(write([saved("u")]))).rejects.toThrow("removed");
    expect(await readdir(root)).toEqual([]);
    await seat.close();
  });
});

describe("a damaged file is refused in words, and stays as it is", () => {
  test.each([
    ["torn", (text: string) => text.slice(0, -7), "is damaged; restore it, or move it away"],
    ["with a bit turned", (text: string) => text.replace("given", "giveo"), "is damaged"],
    ["empty", () => "", "is not a file of revring"],
    ["of somebody else", () => '{"hello": 1}\n', "is not a file of revring"],
    [
      "of a later version",
      (text: string) => text.replace('"revring":1', '"revring":9'),
      "has format 9, written by another version",
    ],
  ])("%s", async (_, damage, words) => {
    const seat = await open();
    await seat.write(write([saved("given")], [record("a")]));
    await seat.close();
    const path = join(await seatFolder(), "seat.json");
    await writeFile(path, damage(await readFile(path, "utf8")));
    const damaged = await readFile(path, "utf8");
    await expect(open()).rejects.toThrow(words);
    await expect(open()).rejects.toThrow(path);
    expect(await readFile(path, "utf8")).toBe(damaged);
    // The refusal holds nothing: it can be opened once it is put right.
    await rm(path);
    await (await open()).close();
  });

  test("a missing base", async () => {
    const seat = await open();
    await seat.write({ ...write([saved("u")], [record("a")]), all: true });
    await seat.close();
    await rename(join(await seatFolder(), "records.1.json"), join(root, "elsewhere"));
    await expect(open()).rejects.toThrow("records.1.json is missing");
  });

  test("a file of another room", async () => {
    await (await open()).close();
    const path = join(await seatFolder(), "seat.json");
    await rename(path, join(root, "seat.json"));
    await rm(join(root, (await readdir(root))[0] ?? ""), { recursive: true });
    await (await open({ ...ROOM, room: "s" })).close();
    const [name = ""] = (await readdir(root)).filter((found) => found !== "seat.json");
    await rename(join(root, "seat.json"), join(root, name, "own", "seat.json"));
    await expect(open({ ...ROOM, room: "s" })).rejects.toThrow(
      "belongs to the room r/1 of ws://localhost/v1/ws",
    );
  });
});
