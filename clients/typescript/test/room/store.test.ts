import { afterEach, expect, test } from "vitest";
import { memoryStore, type Seat, type SeatRequest, type Store } from "../../src/store";
import { closeRooms, freshName, liveRoom, openRoom, status, until } from "../support/rooms";
import { dataDir, startServer, stopServers } from "../support/server";

afterEach(async () => {
  await closeRooms();
  await stopServers();
});

/** A store that waits before it gives a seat, as one on a disk does, and that tells what it was asked. */
function slow(store: Store): Store & { requests: SeatRequest[]; go: () => void } {
  const requests: SeatRequest[] = [];
  let go = () => {};
  const gate = new Promise<void>((resolve) => {
    go = resolve;
  });
  const open = async (request: SeatRequest): Promise<Seat> => {
    requests.push(request);
    await gate;
    return store.open(request);
  };
  return { ...store, open, requests, go };
}

test("what was pending when a room was closed is sent by the next, and counts once", async () => {
  const server = await startServer(["--data-dir", await dataDir()]);
  const store = memoryStore();
  const room = freshName();
  const first = await liveRoom(server.url, { room, store });
  await first.put("cards", "1", { n: 0 });
  await until(first, () => first.pending.length === 0);
  const { clientId } = first;
  first.disconnect();
  const lost = first.add("cards", "1", "/n", 1);
  await first.close();
  expect(await lost).toMatchObject({ code: "OUTCOME_UNKNOWN" });

  await server.kill();
  const second = openRoom(server.url, { room, store });
  await second.ready;
  expect(second.get("cards", "1")?.data).toEqual({ n: 1 });
  expect(second.status).toMatchObject({ pending: 1 });
  const outcomes: unknown[] = [];
  second.on("outcome", ({ outcome }) => outcomes.push(outcome));
  await server.restart();
  await until(second, () => second.pending.length === 0);
  expect(outcomes).toEqual([{ status: "accepted", rev: 2 }]);
  expect(second.clientId).toBe(clientId);
  expect(second.get("cards", "1")?.data).toEqual({ n: 1 });
});

test("what is done before the store has told what it has is done upon that", async () => {
  const server = await startServer();
  const memory = memoryStore();
  const room = freshName();
  const before = await liveRoom(server.url, { room, store: memory });
  await before.put("cards", "1", { n: 1 });
  await until(before, () => before.pending.length === 0);
  await before.close();

  const store = slow(memory);
  const next = openRoom(`${server.url}?page=1#top`, { room, store });
  const told: string[][] = [];
  next.subscribe(({ records }) => told.push(records.map(({ id }) => id)));
  const added = next.add("cards", "1", "/n", 1);
  const missing = next.add("cards", "2", "/n", 1);
  const made = next.put("cards", "3", {});
  next.presence.set({ name: "Ann" });
  expect(next.list("cards").map(({ id }) => id)).toEqual(["3"]);
  expect(store.requests).toMatchObject([{ url: server.url, room }]);
  store.go();
  await next.ready;
  expect(next.get("cards", "1")?.data).toEqual({ n: 2 });
  expect(await missing).toMatchObject({ status: "rejected", code: "NOT_FOUND" });
  expect([await added, await made].map(({ status }) => status)).toEqual(["accepted", "accepted"]);
  expect(told.flat().sort()).toEqual(expect.arrayContaining(["1", "3"]));
  const other = await liveRoom(server.url, { room });
  await until(other, () => other.presence.others.size === 1);
  expect(other.list("cards").map(({ data }) => data)).toEqual([{ n: 2 }, {}]);
});

test("updates that became one before the store had told what it has all end", async () => {
  const server = await startServer();
  const memory = memoryStore();
  const room = freshName();
  const before = await liveRoom(server.url, { room, store: memory });
  await before.put("cards", "1", { n: 1 });
  await before.close();

  const store = slow(memory);
  const next = openRoom(server.url, { room, store });
  const made = [
    next.put("notes", "1", { text: "" }),
    next.splice("notes", "1", "/text", 0, 0, "a"),
    next.splice("notes", "1", "/text", 1, 0, "b"),
    next.splice("notes", "1", "/text", 2, 0, "c"),
  ];
  store.go();
  expect((await Promise.all(made)).map(({ status }) => status)).toEqual(made.map(() => "accepted"));
  expect(next.get("notes", "1")?.data).toEqual({ text: "abc" });
});

test("a store that cannot give a seat closes the room with its words", async () => {
  const server = await startServer();
  const store = { ...memoryStore(), open: () => Promise.reject(new Error("another process has it")) };
  const room = openRoom(server.url, { store });
  expect((await status(room, "closed")).reason).toBe("another process has it");
  await expect(room.ready).rejects.toThrow("another process");
});

test("a room that is closed before its store has answered keeps its updates and gives the seat back", async () => {
  const server = await startServer();
  const closed: string[] = [];
  const memory = memoryStore();
  const store = slow({
    ...memory,
    open: async (request) => {
      const seat = await memory.open(request);
      const close = () => {
        closed.push(seat.clientKey);
        return seat.close();
      };
      return {
        clientKey: seat.clientKey,
        take: () => seat.take(),
        write: (write) => seat.write(write),
        close,
      };
    },
  });
  const name = freshName();
  const room = openRoom(server.url, { room: name, store });
  void room.put("cards", "1", { n: 1 });
  const closing = room.close();
  store.go();
  await closing;
  expect(closed.length).toBe(1);
  const again = await liveRoom(server.url, { room: name, store });
  await until(again, () => again.get("cards", "1")?.data.n === 1 && again.pending.length === 0);
});

test("a courier sends what is pending on a seat that was left", async () => {
  const server = await startServer();
  const store = memoryStore();
  const name = freshName();
  const first = await liveRoom(server.url, { room: name, store });
  await first.put("cards", "1", { n: 0 });
  await until(first, () => first.pending.length === 0);
  first.disconnect();
  void first.add("cards", "1", "/n", 1);
  await first.close();

  const other = slow(memoryStore());
  other.go();
  const room = await liveRoom(server.url, { room: name, store: other });
  const [request] = other.requests;
  const seat = await store.open({ url: server.url, room: name, warn: () => {} });
  const courier = request?.courier?.(seat);
  expect(await courier?.done).toBe(true);
  await until(room, () => room.get("cards", "1")?.data.n === 1);
  await courier?.close();
});
