import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Document, keyOf } from "../../src/document.js";
import type { Room } from "../../src/index.js";
import { memoryStore, type SeatWrite, type Store } from "../../src/store.js";
import { closeRooms, freshName, liveRoom } from "../support/rooms.js";
import { type Server, startServer, stopServers } from "../support/server.js";
import { until as untilTrue } from "./browser.js";

let server: Server;
let name: string;
beforeEach(async () => {
  server = await startServer(["--ring-ops", "16"]);
  name = freshName();
});
afterEach(async () => {
  await closeRooms();
  await stopServers();
});

/** A store in memory that shows each write to `look` before it is made; what `look` throws is why it fails. */
function watched(look: (write: SeatWrite) => void): Store {
  const store = memoryStore();
  const open: Store["open"] = async (request) => {
    const seat = await store.open(request);
    const write = (of: SeatWrite) => {
      look(of);
      return seat.write(of);
    };
    return {
      clientKey: seat.clientKey,
      take: () => seat.take(),
      write: async (of) => write(of),
      close: () => seat.close(),
    };
  };
  return { ...store, open };
}

describe("what a room writes", () => {
  test("own updates of a turn are written at once, together", async () => {
    const writes: SeatWrite[] = [];
    const room = await liveRoom(server.url, {
      room: name,
      store: watched((write) => void writes.push(write)),
    });
    await untilTrue(() => writes.length > 0);
    writes.length = 0;
    for (let n = 0; n < 3; n++) void room.put("c", `r${n}`, { n });
    await Promise.resolve();
    await Promise.resolve();
    expect(writes.map((write) => write.pending.queue.length)).toEqual([3]);
  });

  test("what the server says is written a little later, together", async () => {
    const writes: SeatWrite[] = [];
    const room = await liveRoom(server.url, {
      room: name,
      store: watched((write) => void writes.push(write)),
    });
    const other = await liveRoom(server.url, { room: name });
    await untilTrue(() => writes.length > 0);
    writes.length = 0;
    for (let n = 0; n < 10; n++) await other.put("c", `r${n}`, { n });
    await untilTrue(() => room.rev === 10);
    await untilTrue(() => writes.at(-1)?.pending.rev === 10);
    expect(writes.length).toBeLessThanOrEqual(3);
    expect(writes.reduce((sum, { records }) => sum + records.size, 0)).toBe(10);
  });

  test("k1 each write is the queue and the confirmed state of one moment, whatever fails between", async () => {
    let room: Room | undefined;
    const stored = new Document();
    let writes = 0;
    let failing = true;
    const mismatches: unknown[] = [];
    const store = watched(({ pending, records, all }) => {
      if (failing && ++writes % 3 === 0) throw new Error("not this time");
      if (all) for (const record of [...stored.records()]) stored.put(keyOf(record), undefined);
      for (const [key, record] of records) stored.put(key, record);
      if (!room) return;
      // What a write throws is a failure of the store, of which a room tells the first only.
      const written = [
        pending.rev,
        stored.checksum(),
        pending.queue.flatMap(({ id, aliases }) => [id, ...aliases]),
      ];
      const actual = [room.rev, room.checksum(), room.pending];
      if (JSON.stringify(written) !== JSON.stringify(actual)) mismatches.push([written, actual]);
    });
    room = await liveRoom(server.url, { room: name, store });
    const warnings: string[] = [];
    room.on("warning", ({ message }) => warnings.push(message));
    const other = await liveRoom(server.url, { room: name });
    for (let n = 0; n < 60; n++) {
      const made = [
        room.put("c", `r${n % 7}`, { n }),
        other.put("c", `r${n % 5}`, { n }),
        other.delete("c", `r${n % 3}`),
      ];
      // Behind the ring at times, so that snapshots are among what comes.
      if (n === 20) room.disconnect();
      if (n === 40) room.reconnect();
      if (n % 2) await Promise.race(made);
    }
    failing = false;
    void room.put("c", "last", {});
    const last = room;
    await untilTrue(
      () => last.status.state === "live" && last.status.pending === 0 && last.rev === other.rev,
    );
    await untilTrue(() => stored.checksum() === last.checksum());
    expect(mismatches).toEqual([]);
    expect(new Set(warnings)).toEqual(
      new Set(["what is pending is kept in memory only: not this time", "what is pending is stored again"]),
    );
  });

  test("closing writes what is left", async () => {
    const store = memoryStore();
    const room = await liveRoom(server.url, { room: name, store });
    await room.put("c", "r", { n: 1 });
    await room.close();
    const seat = await store.open({ url: server.url, room: name, warn: () => {} });
    const saved = seat.take();
    expect(saved?.pending).toMatchObject({ rev: 1, queue: [] });
    expect([...(saved?.records ?? [])]).toMatchObject([{ id: "r", data: { n: 1 } }]);
  });
});
