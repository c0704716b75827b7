import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ConnectOptions, Room } from "../../src/index.js";
import { memoryStore } from "../../src/store.js";
import { closeRooms, freshName, liveRoom, status, until } from "../support/rooms.js";
import { type Server, startServer, stopServers } from "../support/server.js";
import { Browser, type Tab, until as untilTrue } from "./browser.js";

let server: Server;
let name: string;
let browser: Browser;
beforeEach(async () => {
  server = await startServer();
  name = freshName();
  browser = new Browser();
});
afterEach(async () => {
  await closeRooms();
  await stopServers();
});

const open = (tab: Tab, options: Partial<ConnectOptions> = {}) => tab.connect(server.url, name, options);

/** A tab in a room with a counter, which counts how often an update is applied. */
async function counting(): Promise<[Tab, Room]> {
  const tab = browser.tab();
  const room = open(tab);
  await status(room, "live");
  await room.put("c", "n", { n: 0, text: "" });
  return [tab, room];
}

const count = (room: Room) => void room.add("c", "n", "/n", 1);
const counted = (room: Room) => room.get<{ n: number }>("c", "n")?.data.n;

/** How often the updates were applied, by the server's word. */
async function onServer(): Promise<number | undefined> {
  const witness = await liveRoom(server.url, { room: name });
  return counted(witness);
}

/** What the tab has after a reload, when nothing is pending. */
async function afterReload(tab: Tab): Promise<Room> {
  const room = open(tab.reload());
  await until(room, () => room.status.state === "live" && room.status.pending === 0);
  return room;
}

const stored = (waiting: number) =>
  untilTrue(async () => JSON.stringify(await browser.rows("seats")).includes(`"waiting":${waiting}`));

describe("a reload counts every update once", () => {
  test("u2 made offline", async () => {
    const [tab, room] = await counting();
    room.disconnect();
    for (let n = 0; n < 3; n++) count(room);
    await stored(3);
    const after = await afterReload(tab);
    expect(counted(after)).toBe(3);
    expect(await onServer()).toBe(3);
  });

  test("u2 made offline, and the page is gone right after the turn", async () => {
    const [tab, room] = await counting();
    await stored(0);
    room.disconnect();
    count(room);
    // What is made when a page is left must be on its way to the database when the turn is over.
    for (let hop = 0; hop < 8; hop++) await Promise.resolve();
    tab.crash();
    expect(counted(await afterReload(tab))).toBe(1);
    expect(await onServer()).toBe(1);
  });

  test("u2 sent and accepted, but the answer was lost with the page", async () => {
    const [tab, room] = await counting();
    tab.line.hears = () => false;
    for (let n = 0; n < 3; n++) count(room);
    await stored(3);
    await untilTrue(async () => (await onServer()) === 3);
    expect(counted(await afterReload(tab))).toBe(3);
    expect(await onServer()).toBe(3);
  });

  test("k3 answered, but not confirmed", async () => {
    await server.restart(["--ring-ops", "4"]);
    const [tab, room] = await counting();
    // The store falls behind the ring, so that a gap tells what was accepted, and its snapshot never comes.
    await untilTrue(async () => JSON.stringify(await browser.rows("seats")).includes('"rev":1'));
    tab.line.hears = () => false;
    for (let n = 0; n < 3; n++) count(room);
    await stored(3);
    const other = await liveRoom(server.url, { room: name });
    await until(other, () => counted(other) === 3);
    for (let n = 0; n < 20; n++) await other.put("c", "other", { n });
    const second = tab.reload();
    second.line.hears = (type) => type !== "SYNC.SNAPSHOT";
    const between = open(second);
    const outcomes: unknown[] = [];
    between.on("outcome", ({ outcome }) => outcomes.push(outcome.status));
    await until(between, () => outcomes.length === 3);
    expect(between.status.pending).toBe(3);
    await untilTrue(async () => JSON.stringify(await browser.rows("pending")).includes('"answered":4'));
    expect(counted(await afterReload(second))).toBe(3);
    expect(await onServer()).toBe(3);
  });

  test("u2 a crash between sending and storing", async () => {
    const [tab, room] = await counting();
    await stored(0);
    tab.loseStorage();
    count(room);
    await until(room, () => room.status.pending === 0);
    expect(counted(await afterReload(tab))).toBe(1);
    expect(await onServer()).toBe(1);
  });

  test("u2 a crash between storing and sending", async () => {
    const [tab, room] = await counting();
    tab.line.sends = () => false;
    count(room);
    await stored(1);
    expect(await onServer()).toBe(0);
    expect(counted(await afterReload(tab))).toBe(1);
    expect(await onServer()).toBe(1);
  });

  test("u2 a crash in the middle of a queue, again and again", async () => {
    let [tab, room] = await counting();
    room.disconnect();
    for (let n = 0; n < 400; n++) count(room);
    await stored(400);
    for (let life = 0; life < 5; life++) {
      tab = tab.reload();
      let heard = 0;
      tab.line.hears = (type) => type !== "SYNC.DELTAS" || heard++ < 3;
      room = open(tab);
      await until(room, () => heard > 2 || room.status.pending === 0);
    }
    expect(counted(await afterReload(tab))).toBe(400);
    expect(await onServer()).toBe(400);
  });

  test("u5 a queue longer than what the server remembers, reloaded twice while offline", async () => {
    const [tab, room] = await counting();
    room.disconnect();
    for (let n = 0; n < 300; n++) count(room);
    await stored(300);
    await server.kill();
    const second = tab.reload();
    const between = open(second);
    await until(between, () => counted(between) === 300);
    count(between);
    await stored(301);
    between.disconnect();
    await server.restart();
    // It came back with another epoch, and without the counter.
    const witness = await liveRoom(server.url, { room: name });
    await witness.put("c", "n", { n: 0, text: "" });
    const after = await afterReload(second);
    expect(counted(after)).toBe(301);
    expect(await onServer()).toBe(301);
  });

  test("u2 a crash in the middle of a long queue, right after the server began anew", async () => {
    const [tab, room] = await counting();
    room.disconnect();
    for (let n = 0; n < 400; n++) count(room);
    await stored(400);
    await server.restart();
    const witness = await liveRoom(server.url, { room: name });
    await witness.put("c", "n", { n: 0, text: "" });
    room.reconnect();
    await until(witness, () => (counted(witness) ?? 0) > 300);
    expect(counted(await afterReload(tab))).toBe(400);
    expect(await onServer()).toBe(400);
  });

  test("u5 the same in one epoch", async () => {
    const [tab, room] = await counting();
    room.disconnect();
    for (let n = 0; n < 300; n++) count(room);
    await stored(300);
    const second = tab.reload();
    second.line.sends = () => false;
    const between = open(second);
    await until(between, () => counted(between) === 300);
    count(between);
    await stored(301);
    const refused: unknown[] = [];
    const after = open(second.reload());
    after.on("outcome", ({ outcome }) => outcome.status !== "accepted" && refused.push(outcome));
    await until(after, () => after.status.state === "live" && after.status.pending === 0);
    expect(refused).toEqual([]);
    expect(counted(after)).toBe(301);
    expect(await onServer()).toBe(301);
  });

  test("k8 the same behind the ring", async () => {
    await server.restart(["--ring-ops", "4"]);
    const [tab, room] = await counting();
    await untilTrue(async () => JSON.stringify(await browser.rows("seats")).includes('"rev":1'));
    room.disconnect();
    for (let n = 0; n < 300; n++) count(room);
    await stored(300);
    const other = await liveRoom(server.url, { room: name });
    for (let n = 0; n < 20; n++) await other.put("c", "other", { n });
    expect(counted(await afterReload(tab))).toBe(300);
    expect(await onServer()).toBe(300);
  });
});

describe("what a reload brings back", () => {
  test("the state and what is pending show before there is a connection", async () => {
    const [tab, room] = await counting();
    room.disconnect();
    count(room);
    void room.put("c", "x", { y: 1 });
    await stored(2);
    await server.kill();
    const after = open(tab.reload());
    await after.ready;
    expect(counted(after)).toBe(1);
    expect(after.get("c", "x")?.data).toEqual({ y: 1 });
    expect(after.status.state).not.toBe("live");
    expect(after.status.pending).toBe(2);
  });

  test("n2 the client is the same, from before its first JOIN on", async () => {
    const tab = browser.tab();
    tab.line.hears = () => false;
    let joined = false;
    tab.line.sends = (type) => {
      joined ||= type === "JOIN";
      return true;
    };
    open(tab);
    await untilTrue(() => joined);
    const [row] = await browser.rows("seats");
    const after = open(tab.reload());
    await status(after, "live");
    expect(await browser.rows("seats")).toMatchObject([
      { clientKey: row instanceof Object && "clientKey" in row && row.clientKey },
    ]);
  });

  test("s4 text typed offline keeps its place in what others typed meanwhile", async () => {
    const [tab, room] = await counting();
    await room.text("c", "n", "/text").insert(0, "shared words");
    room.disconnect();
    void room.text("c", "n", "/text").insert(6, " good");
    void room.text("c", "n", "/text").insert(17, "!");
    await stored(1);
    const other = await liveRoom(server.url, { room: name });
    await other.text("c", "n", "/text").insert(0, "Our ");
    const after = await afterReload(tab);
    expect(after.text("c", "n", "/text").value).toBe("Our shared good words!");
    await until(other, () => other.text("c", "n", "/text").value === "Our shared good words!");
  });

  test("k5 a server that has begun anew: what is pending is offered again, once", async () => {
    const [tab, room] = await counting();
    room.disconnect();
    void room.put("c", "x", { y: 1 });
    await stored(1);
    await server.restart();
    const after = await afterReload(tab);
    expect(after.get("c", "x")?.data).toEqual({ y: 1 });
    expect(after.get("c", "x")?.version).toBe(1);
    expect(after.get("c", "n")).toBeUndefined();
  });

  test("updates of the new life have ids of their own", async () => {
    const [tab, room] = await counting();
    for (let n = 0; n < 5; n++) count(room);
    await until(room, () => room.status.pending === 0);
    const after = await afterReload(tab);
    for (let n = 0; n < 5; n++) count(after);
    await until(after, () => after.status.pending === 0);
    expect(await onServer()).toBe(10);
  });

  test("outcomes of restored updates are told as events", async () => {
    const [tab, room] = await counting();
    room.disconnect();
    const id = "my-update";
    void room.update({ op: "add", collection: "c", id: "n", path: "/n", by: 1 }, { id });
    await stored(1);
    const after = open(tab.reload());
    const outcomes: unknown[] = [];
    after.on("outcome", (event) => outcomes.push([event.id, event.outcome.status]));
    await until(after, () => after.status.state === "live" && after.status.pending === 0);
    expect(outcomes).toEqual([[id, "accepted"]]);
  });
});

describe("a room whose store fails goes on", () => {
  test("a full storage is told, and told when it works again", async () => {
    const [, room] = await counting();
    const warnings: string[] = [];
    room.on("warning", ({ message }) => warnings.push(message));
    await stored(0);
    browser.full = true;
    for (let n = 0; n < 3; n++) count(room);
    await untilTrue(() => room.status.pending === 0 && warnings.length > 0);
    expect(warnings).toEqual(["what is pending is kept in memory only: the browser's storage is full"]);
    expect(await onServer()).toBe(3);
    browser.full = false;
    count(room);
    await untilTrue(() => warnings.length === 2);
    expect(warnings[1]).toBe("what is pending is stored again");
    await untilTrue(async () => JSON.stringify(await browser.rows("records")).includes('"n":4'));
  });

  test("updates made before the store has answered are kept", async () => {
    const tab = browser.tab();
    const room = open(tab);
    const made = room.put("c", "n", { n: 7 });
    expect(counted(room)).toBe(7);
    expect(await made).toMatchObject({ status: "accepted" });
    expect(await onServer()).toBe(7);
  });

  test("a store that refuses closes the room with its words", async () => {
    const store = {
      ...memoryStore(),
      open: () => Promise.reject(new Error("process 7 has this room open")),
    };
    const room = open(browser.tab(), { store });
    await expect(room.ready).rejects.toThrow("process 7 has this room open");
    expect(room.status).toMatchObject({ state: "closed", reason: "process 7 has this room open" });
  });
});

test("a store in memory keeps a room from close to connect", async () => {
  const store = memoryStore();
  const room = await liveRoom(server.url, { room: name, store });
  await room.put("c", "n", { n: 0 });
  room.disconnect();
  count(room);
  await room.close();
  const again = await liveRoom(server.url, { room: name, store });
  await until(again, () => again.status.pending === 0);
  expect(counted(again)).toBe(1);
  expect(again.clientId).toBe(room.clientId);
});
