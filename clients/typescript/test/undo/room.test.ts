import fc from "fast-check";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { Room } from "../../src/index.js";
import { undo } from "../../src/undo.js";
import { closeRooms, freshName, liveRoom, openRoom, status, until } from "../support/rooms";
import { type Server, startServer, stopServers } from "../support/server";

const INITIAL = "0123456789";

let server: Server;
beforeAll(async () => {
  server = await startServer();
});
afterEach(closeRooms);
afterAll(stopServers);

/** Several clients of a new room, in which there is one card that none of them made. */
async function together(clients: number, url = server.url): Promise<Room[]> {
  const room = freshName();
  const maker = await liveRoom(url, { room });
  await maker.put("cards", "1", { text: INITIAL, n: 1 });
  const rooms = await Promise.all(Array.from({ length: clients }, () => liveRoom(url, { room, undo })));
  await settled(rooms);
  return rooms;
}

async function pair(url = server.url): Promise<[Room, Room]> {
  const [ada, ben] = await together(2, url);
  if (!ada || !ben) throw new Error("no rooms");
  return [ada, ben];
}

/** Waits until all is accepted and everyone has it; gives the one checksum. */
async function settled(rooms: readonly Room[]): Promise<string> {
  await Promise.all(rooms.map((room) => until(room, () => room.pending.length === 0)));
  const heads = await Promise.all(rooms.map((room) => room.heartbeat()));
  const head = Math.max(...heads.map(({ rev }) => rev));
  await Promise.all(rooms.map((room) => until(room, () => room.rev >= head)));
  const sums = new Set(rooms.map((room) => room.checksum()));
  expect(sums.size).toBe(1);
  return [...sums].join();
}

const textOf = (room: Room | undefined) => room?.text("cards", "1", "/text").value ?? "";
const dataOf = (room: Room | undefined) => room?.get("cards", "1")?.data;

function undoAll(room: Room): void {
  while (room.canUndo) expect(room.undo()).toBeDefined();
  expect(room.undo()).toBeUndefined();
}

test("undo and redo, while another types in the same text", async () => {
  const [ada, ben] = await pair();
  ada.text("cards", "1", "/text").insert(10, "ADA");
  ben.text("cards", "1", "/text").insert(0, "BEN");
  await settled([ada, ben]);
  ben.text("cards", "1", "/text").insert(14, "x");
  await settled([ada, ben]);
  expect(textOf(ada)).toBe("BEN0123456789AxDA");
  expect(await ada.undo()).toMatchObject({ status: "accepted" });
  await settled([ada, ben]);
  expect(textOf(ben)).toBe("BEN0123456789x");
  await ada.redo();
  await settled([ada, ben]);
  expect(textOf(ben)).toBe("BEN0123456789AxDA");
  expect([ada.canUndo, ada.canRedo, ben.canUndo, ben.canRedo]).toEqual([true, false, true, false]);
});

test("what was done offline is undone offline, and none of it reaches anyone", async () => {
  const [ada, ben] = await pair();
  ada.disconnect();
  await status(ada, "offline");
  ada.text("cards", "1", "/text").insert(10, "ADA");
  ada.set("cards", "1", "/n", 2);
  ben.text("cards", "1", "/text").insert(0, "BEN");
  ada.undo();
  ada.undo();
  expect(dataOf(ada)).toEqual({ text: INITIAL, n: 1 });
  ada.reconnect();
  await settled([ada, ben]);
  expect(dataOf(ben)).toEqual({ text: `BEN${INITIAL}`, n: 1 });
});

test("k7 a splice that has lost its value leaves the history, and what it was made on is left alone", async () => {
  const [ada, ben] = await pair();
  ada.text("cards", "1", "/text").insert(10, "ada");
  await settled([ada, ben]);
  ada.disconnect();
  await status(ada, "offline");
  const lost = ada.text("cards", "1", "/text").insert(13, "more");
  ben.set("cards", "1", "/text", "something else altogether");
  await settled([ben]);
  ada.reconnect();
  expect(await lost).toMatchObject({ status: "rejected", code: "CONFLICT" });
  await settled([ada, ben]);
  const before = dataOf(ada);
  undoAll(ada);
  expect(dataOf(ada)).toEqual(before);
});

test("f3 a value that another replaced and then typed in is left alone, though both come at once", async () => {
  const [ada, ben] = await pair();
  ada.text("cards", "1", "/text").insert(10, "ada");
  await settled([ada, ben]);
  ada.disconnect();
  await status(ada, "offline");
  ben.set("cards", "1", "/text", "as long as it was, ".repeat(2));
  ben.text("cards", "1", "/text").insert(0, "!");
  await settled([ben]);
  ada.reconnect();
  await settled([ada, ben]);
  const before = dataOf(ada);
  undoAll(ada);
  expect(dataOf(ada)).toEqual(before);
});

test("d3 a deleted record is not put back over one that another made meanwhile", async () => {
  const [ada, ben] = await pair();
  ada.delete("cards", "1");
  await settled([ada, ben]);
  ada.disconnect();
  await status(ada, "offline");
  const undone = ada.undo();
  expect(dataOf(ada)).toEqual({ text: INITIAL, n: 1 });
  await ben.put("cards", "1", { other: true });
  ada.reconnect();
  expect(await undone).toMatchObject({ status: "rejected", code: "CONFLICT" });
  await settled([ada, ben]);
  expect(dataOf(ada)).toEqual({ other: true });
  expect([ada.canUndo, ada.canRedo]).toEqual([false, false]);
});

test("k5 k6 after a gap, texts that others changed meanwhile are left alone", async () => {
  const own = await startServer(["--ring-ops", "4"]);
  const [ada, ben] = await pair(own.url);
  await ada.text("cards", "1", "/text").insert(0, "ada");
  await ada.set("cards", "1", "/n", 2);
  await settled([ada, ben]);
  ada.disconnect();
  await status(ada, "offline");
  for (let i = 0; i < 20; i++) await ben.text("cards", "1", "/text").insert(0, "b");
  const gap = new Promise((resolve) => ada.on("gap", resolve));
  ada.reconnect();
  await gap;
  await settled([ada, ben]);
  undoAll(ada);
  expect(dataOf(ada)).toEqual({ text: `${"b".repeat(20)}ada${INITIAL}`, n: 1 });
});

interface Turn {
  who: number;
  deed: number;
  at: number;
  size: number;
  rest: number;
}

const turn: fc.Arbitrary<Turn> = fc.record({
  who: fc.nat(2),
  deed: fc.nat(9),
  at: fc.nat(),
  size: fc.integer({ min: 1, max: 4 }),
  rest: fc.nat(9),
});

/** Types a letter of one's own, removes own or first characters, edits a field, undoes, redoes. */
function act(room: Room, letter: string, { deed, at, size }: Turn): void {
  const text = textOf(room);
  const field = room.text("cards", "1", "/text");
  const from = at % (text.length + 1);
  if (deed === 0) room.undo();
  else if (deed === 1) room.redo();
  else if (deed === 2) room.set("cards", "1", `/${letter}`, at);
  else if (deed === 3) room.add("cards", "1", "/n", size);
  else if (deed < 6) {
    let length = 0;
    while (length < size && RegExp(`[${letter}0-9]`).test(text[from + length] ?? "")) length++;
    if (length) field.remove(from, length);
  } else field.insert(from, letter.repeat(size));
}

test("s4 whoever undoes everything takes only what is theirs, and all replicas are equal", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(turn, { minLength: 10, maxLength: 60 }), async (turns) => {
      const rooms = await together(3);
      const [own] = rooms;
      if (!own) return;
      for (const turn of turns) {
        const room = rooms[turn.who];
        // Others only type, so that their characters can be told from those that came back.
        if (room) act(room, "abc"[turn.who] ?? "", room === own ? turn : { ...turn, deed: 9 });
        // Sometimes what others did is seen first, sometimes it comes later.
        if (!turn.rest && room) await until(room, () => room.pending.length === 0);
      }
      await settled(rooms);
      const others = textOf(own).replace(/[a0-9]/g, "");
      undoAll(own);
      await settled(rooms);
      for (const room of rooms) {
        expect(textOf(room).replace(/[0-9]/g, "")).toBe(others);
        expect(textOf(room).replace(/[^0-9]/g, "")).toBe(INITIAL);
        expect(room.get("cards", "1")?.data).toEqual({ text: textOf(room), n: 1 });
      }
      await closeRooms();
    }),
    { numRuns: 60 },
  );
});

test("what was done before there was a state is not taken back: nobody knows what was there", async () => {
  const [ada] = await pair();
  const ben = openRoom(server.url, { room: ada.name, undo });
  const made = ben.put("cards", "1", { text: "mine" });
  expect(ben.canUndo).toBe(false);
  expect(await made).toMatchObject({ status: "accepted" });
  expect(ben.undo()).toBeUndefined();
  await ben.set("cards", "1", "/n", 2);
  await ben.undo();
  expect(ben.canUndo).toBe(false);
  await until(ada, () => ada.rev === ben.rev);
  expect(ada.get("cards", "1")?.data).toEqual({ text: "mine" });
});

test("whatever three do, undo and redo at once, all replicas are equal", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(turn, { minLength: 10, maxLength: 80 }), async (turns) => {
      const rooms = await together(3);
      for (const turn of turns) {
        const room = rooms[turn.who];
        if (!room) continue;
        act(room, "abc"[turn.who] ?? "", turn);
        if (turn.rest === 1) room.disconnect();
        if (turn.rest < 3) {
          room.reconnect();
          await status(room, "live");
        }
      }
      for (const room of rooms) room.reconnect();
      await settled(rooms);
      for (const room of rooms) undoAll(room);
      await settled(rooms);
      await closeRooms();
    }),
    { numRuns: 60 },
  );
});
