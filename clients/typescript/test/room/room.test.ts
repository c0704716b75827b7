import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Changes, put, type Room, UpdateError } from "../../src/index";
import { undo } from "../../src/undo";
import { closeRooms, freshName, liveRoom, openRoom, until } from "../support/rooms";
import { type Server, startServer, stopServers } from "../support/server";

let server: Server;
beforeAll(async () => {
  server = await startServer();
});
afterEach(closeRooms);
afterAll(stopServers);

interface Card {
  title: string;
  votes: number;
}

const card = (title: string): Card => ({ title, votes: 0 });

/** What `make` throws. */
function refusal(make: () => unknown): UpdateError {
  try {
    make();
  } catch (error) {
    if (error instanceof UpdateError) return error;
    throw error;
  }
  throw new Error("it was not refused");
}

async function two(codec?: "json" | "msgpack"): Promise<[Room, Room]> {
  const room = freshName();
  return [await liveRoom(server.url, { room, codec }), await liveRoom(server.url, { room, codec })];
}

describe.each(["msgpack", "json"] as const)("in %s", (codec) => {
  test("k1 an own update shows at once and is confirmed", async () => {
    const room = await liveRoom(server.url, { codec });
    const outcome = room.put("cards", "1", card("Milk"));
    expect(room.get<Card>("cards", "1")?.data.title).toBe("Milk");
    expect(room.pending).toHaveLength(1);
    expect(await outcome).toEqual({ status: "accepted", rev: 1 });
    await until(room, () => room.rev === 1);
    expect(room.pending).toEqual([]);
    expect(room.get("cards", "1")?.version).toBe(1);
  });

  test("k2 two clients converge while both write", async () => {
    const [ann, bob] = await two(codec);
    await ann.put("notes", "1", { text: "", n: 0 });
    await until(bob, () => bob.get("notes", "1") !== undefined);
    const work = (room: Room, letter: string) =>
      Array.from({ length: 30 }, (_, i) => [
        room.text("notes", "1", "/text").insert(i % 2, letter),
        room.add("notes", "1", "/n", 1),
      ]).flat();
    const outcomes = await Promise.all([...work(ann, "a"), ...work(bob, "b")]);
    expect(outcomes.every((outcome) => outcome.status === "accepted")).toBe(true);
    const { rev } = await ann.heartbeat();
    await until(ann, () => ann.rev === rev);
    await until(bob, () => bob.rev === rev);
    expect(ann.checksum()).toBe(bob.checksum());
    expect(bob.get("notes", "1")?.data.n).toBe(60);
    expect(String(ann.get("notes", "1")?.data.text)).toHaveLength(60);
    expect((await bob.heartbeat()).checksum).toBe(bob.checksum());
  });

  test("every kind of change arrives", async () => {
    const [ann, bob] = await two(codec);
    const emoji = "a😀b\u{1F468}\u200D\u{1F469}";
    ann.put("things", "1", { text: emoji, list: [1, { deep: [null, true, 1.5] }], "": -7, gone: 1 });
    ann.merge("things", "1", { nested: { a: 1, b: 2 }, gone: null });
    ann.set("things", "1", "/nested/a", null);
    ann.unset("things", "1", "/nested/b");
    ann.add("things", "1", "/sum", 0.5);
    ann.splice("things", "1", "/text", 2, 1, "B");
    ann.items("things", "1", "/list").insert(1, "x", { y: 1 });
    ann.put("things", "2", { __proto__x: 1 });
    ann.delete("things", "2");
    await until(ann, () => ann.pending.length === 0);
    const { rev } = await ann.heartbeat();
    await until(bob, () => bob.rev === rev);
    expect(bob.get("things", "1")?.data).toEqual({
      text: "a😀B\u{1F468}\u200D\u{1F469}",
      list: [1, "x", { y: 1 }, { deep: [null, true, 1.5] }],
      "": -7,
      nested: { a: null },
      sum: 0.5,
    });
    expect(bob.get("things", "2")).toBeUndefined();
    expect(ann.checksum()).toBe(bob.checksum());
  });
});

test("u1 a rejection tells why and takes the update back", async () => {
  const [ann, bob] = await two();
  await ann.put("cards", "1", card("Milk"));
  await until(bob, () => bob.get("cards", "1") !== undefined);
  // Both change the version that both know.
  const outcomes = await Promise.all(
    [ann, bob].map((room) => room.set("cards", "1", "/title", room.clientId, { ifVersion: 1 })),
  );
  const rejected = outcomes.find((outcome) => outcome.status === "rejected");
  expect(rejected).toMatchObject({
    code: "CONFLICT",
    conflict: { collection: "cards", id: "1", version: 2 },
  });
  await until(ann, () => ann.get<Card>("cards", "1")?.data.title === bob.get<Card>("cards", "1")?.data.title);
});

test("what cannot apply is refused at once and changes nothing", async () => {
  const room = await liveRoom(server.url);
  await room.put("cards", "1", card("Milk"));
  expect(refusal(() => room.set("cards", "2", "/title", "x")).code).toBe("NOT_FOUND");
  expect(refusal(() => room.add("cards", "1", "/title", 1)).code).toBe("INVALID_CHANGE");
  expect(refusal(() => room.put("cards", "1", card("x"), { ifVersion: 7 })).conflict).toMatchObject({
    version: 1,
  });
  expect(refusal(() => room.update([])).code).toBe("EMPTY");
  for (const [make, words] of [
    [() => room.put("", "1", {}), "collection"],
    [() => room.put("cards", "a\nb", {}), "id"],
    [() => room.set("cards", "1", "title", 1), "path"],
    [() => room.set("cards", "1", "/title", Number.NaN), "/value"],
    [() => room.put("cards", "1", { at: new Date() }), "/data/at"],
    [() => room.put("cards", "1", [1]), "object"],
    [() => room.splice("cards", "1", "/title", -1, 0, "x"), "at"],
    [() => room.update([put("cards", "1", { f: () => {} })]), "/data/f"],
  ] as const) {
    const { code, message } = refusal(make);
    expect([code, message]).toEqual(["INVALID", expect.stringContaining(words)]);
  }
  expect(room.pending).toEqual([]);
  expect(room.list("cards").map((record) => record.data)).toEqual([card("Milk")]);
});

test("what was given may be changed afterwards", async () => {
  const room = await liveRoom(server.url);
  const data = { list: [1] };
  const outcome = room.put("cards", "1", data);
  data.list.push(2);
  await outcome;
  expect(room.get("cards", "1")?.data).toEqual({ list: [1] });
});

test("u2 an update under an id of its own counts once, over a reconnect too", async () => {
  const room = await liveRoom(server.url);
  await room.put("counters", "1", { n: 0 });
  const first = await room.update(
    { op: "add", collection: "counters", id: "1", path: "/n", by: 1 },
    { id: "order-1" },
  );
  room.disconnect();
  const again = room.update(
    { op: "add", collection: "counters", id: "1", path: "/n", by: 1 },
    { id: "order-1" },
  );
  room.reconnect();
  expect(await again).toEqual(first);
  await until(room, () => room.pending.length === 0);
  expect(room.get("counters", "1")?.data.n).toBe(1);
});

describe("transactions", () => {
  test("o3 are one update that others see at once or not at all", async () => {
    const [ann, bob] = await two();
    const seen: number[] = [];
    bob.subscribe("cards", ({ records }) => seen.push(records.length));
    const outcome = ann.transaction((tx) => {
      tx.put("cards", "1", card("Milk"));
      tx.put("cards", "2", card("Bread"));
      tx.add("cards", "1", "/votes", 2);
      expect(tx.get<Card>("cards", "1")?.data.votes).toBe(2);
      tx.delete("cards", "2");
      tx.put("cards", "3", card("Tea"));
      expect(tx.list("cards").map(({ id }) => id)).toEqual(["1", "3"]);
      expect(ann.list("cards")).toEqual([]);
    });
    expect(ann.list("cards")).toHaveLength(2);
    expect(await outcome).toEqual({ status: "accepted", rev: 1 });
    await until(bob, () => bob.rev === 1);
    expect(seen).toEqual([2]);
  });

  test("that throw change nothing", async () => {
    const room = await liveRoom(server.url);
    const thrown = () =>
      room.transaction((tx) => {
        tx.put("cards", "1", card("Milk"));
        throw new Error("mine");
      });
    expect(thrown).toThrow("mine");
    const misfit = () =>
      room.transaction((tx) => {
        tx.put("cards", "1", card("Milk"));
        tx.add("cards", "2", "/votes", 1);
      });
    expect(refusal(misfit).code).toBe("NOT_FOUND");
    expect(room.list("cards")).toEqual([]);
    expect(room.pending).toEqual([]);
  });

  test("that do nothing are accepted", async () => {
    const room = await liveRoom(server.url);
    expect(await room.transaction(() => {})).toEqual({ status: "accepted", rev: 0 });
  });

  test("d3 check conditions against the record before them", async () => {
    const room = await liveRoom(server.url);
    await room.put("cards", "1", card("Milk"));
    const outcome = await room.transaction((tx) => {
      tx.set("cards", "1", "/title", "Oat milk", { ifVersion: 1 });
      tx.add("cards", "1", "/votes", 1, { ifVersion: 1 });
    });
    expect(outcome.status).toBe("accepted");
  });

  test("are over when their function is", async () => {
    const room = await liveRoom(server.url);
    let late = () => {};
    await room.transaction((tx) => {
      late = () => tx.put("cards", "1", card("Milk"));
    });
    expect(refusal(late)).toMatchObject({ code: "CLOSED" });
  });
});

describe("subscriptions", () => {
  const collect = (room: Room, ...topic: string[]) => {
    const calls: Changes[] = [];
    const listener = (changes: Changes) => calls.push(changes);
    const [collection, id] = topic;
    if (collection === undefined) room.subscribe(listener);
    else if (id === undefined) room.subscribe(collection, listener);
    else room.subscribe(collection, id, listener);
    return calls;
  };

  test("tell once per turn what changed, by record, collection, or all", async () => {
    const room = await liveRoom(server.url);
    await room.put("cards", "1", card("Milk"));
    const [all, cards, one, other] = [
      collect(room),
      collect(room, "cards"),
      collect(room, "cards", "1"),
      collect(room, "cards", "9"),
    ];
    const before = room.get("cards", "1");
    room.set("cards", "1", "/title", "Tea");
    room.set("cards", "1", "/title", "Coffee");
    room.put("cards", "2", card("Bread"));
    room.put("people", "1", { name: "Ann" });
    expect(all).toEqual([]);
    await Promise.resolve();
    const after = room.get("cards", "1");
    expect(one).toEqual([{ origin: "local", records: [{ collection: "cards", id: "1", before, after }] }]);
    expect(one[0]?.records[0]?.before).toBe(before);
    expect(cards.map(({ records }) => records.map(({ id }) => id))).toEqual([["1", "2"]]);
    expect(all.map(({ records }) => records.length)).toEqual([3]);
    expect(other).toEqual([]);
  });

  test("k3 the confirmation of an own update leaves what is shown as it is", async () => {
    const room = await liveRoom(server.url);
    await room.put("cards", "1", card("Milk"));
    await until(room, () => room.pending.length === 0);
    const outcome = room.set("cards", "1", "/votes", 5);
    const shown = room.get("cards", "1")?.data;
    await outcome;
    await until(room, () => room.pending.length === 0);
    expect(room.get("cards", "1")?.data).toBe(shown);
  });

  test("what did not change stays the same object", async () => {
    const [ann, bob] = await two();
    await ann.update([put("cards", "1", card("Milk")), put("cards", "2", card("Bread")), put("x", "1", {})]);
    await until(bob, () => bob.rev === 1);
    const [first, second] = bob.list("cards");
    const others = bob.list("x");
    const changes = collect(bob);
    await ann.set("cards", "2", "/title", "Rolls");
    await until(bob, () => bob.rev === 2);
    expect(bob.list("cards")[0]).toBe(first);
    expect(bob.list("cards")[1]).not.toBe(second);
    expect(bob.list("x")).toBe(others);
    expect(changes).toEqual([
      {
        origin: "remote",
        records: [{ collection: "cards", id: "2", before: second, after: bob.get("cards", "2") }],
      },
    ]);
    bob.resync();
    await until(bob, () => bob.status.state === "live");
    expect(bob.list("cards")[0]).toBe(first);
    expect(changes).toHaveLength(1);
  });

  test("may end and throw inside of listeners", async () => {
    const room = await liveRoom(server.url);
    const said: unknown[] = [];
    const { error } = console;
    console.error = (thrown: unknown) => said.push(thrown);
    const calls: string[] = [];
    const ends = [
      room.subscribe(() => {
        calls.push("first");
        ends[0]?.();
        ends[2]?.();
      }),
      room.subscribe(() => {
        calls.push("second");
        throw new Error("a mistake");
      }),
      room.subscribe(() => calls.push("third")),
      room.subscribe(() => calls.push("fourth")),
    ];
    room.put("cards", "1", card("Milk"));
    await Promise.resolve();
    console.error = error;
    for (const end of ends) end();
    expect(calls).toEqual(["first", "second", "fourth"]);
    expect(said).toEqual([new Error("a mistake")]);
  });
});

describe("before there is a state", () => {
  test("updates wait for it, and splices are refused", async () => {
    const room = openRoom(server.url);
    expect(room.status.state).toBe("connecting");
    expect(refusal(() => room.splice("cards", "1", "/t", 0, 0, "x")).code).toBe("NOT_SYNCED");
    const outcome = room.put("cards", "1", card("Milk"));
    expect(room.get("cards", "1")).toBeDefined();
    await room.ready;
    expect((await outcome).status).toBe("accepted");
  });

  test("ready rejects when the room is closed", async () => {
    const room = openRoom("ws://127.0.0.1:1/");
    await room.close();
    await expect(room.ready).rejects.toThrow("left");
  });
});

test("undo and redo", async () => {
  const name = freshName();
  const ann = await liveRoom(server.url, { room: name, undo });
  const bob = await liveRoom(server.url, { room: name });
  expect([ann.canUndo, ann.undo(), bob.canUndo]).toEqual([false, undefined, false]);
  await ann.put("cards", "1", card("Milk"));
  await until(bob, () => bob.rev === 1);
  await ann.set("cards", "1", "/title", "Tea");
  await bob.set("cards", "1", "/votes", 3);
  await until(ann, () => ann.rev === 3);
  expect([ann.canUndo, ann.canRedo]).toEqual([true, false]);
  expect((await ann.undo())?.status).toBe("accepted");
  await until(bob, () => bob.rev === 4);
  expect(bob.get("cards", "1")?.data).toEqual({ title: "Milk", votes: 3 });
  await ann.redo();
  expect(ann.get<Card>("cards", "1")?.data.title).toBe("Tea");
});
