import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Room } from "../../src/index.js";
import { closeRooms, freshName, liveRoom, status, until } from "../support/rooms.js";
import { dataDir, type Server, startServer, stopServers } from "../support/server.js";
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

const open = (tab: Tab) => tab.connect(server.url, name);
const count = (room: Room) => void room.add("c", "n", "/n", 1);
const counted = (room: Room) => room.get<{ n: number }>("c", "n")?.data.n;

/** A witness, who made the counter that counts how often updates are applied. */
async function witness(): Promise<Room> {
  const room = await liveRoom(server.url, { room: name });
  await room.put("c", "n", { n: 0 });
  return room;
}

/** A tab that is gone, and left `many` updates behind. */
async function leftBehind(many: number): Promise<Tab> {
  const tab = browser.tab();
  const room = open(tab);
  await status(room, "live");
  room.disconnect();
  for (let n = 0; n < many; n++) count(room);
  await waiting(many);
  tab.crash();
  return tab;
}

const waiting = (many: number) =>
  untilTrue(async () => JSON.stringify(await browser.rows("seats")).includes(`"waiting":${many}`));

/** Waits until no seat has anything pending, and `seats` are left. */
const delivered = (seats: number) =>
  untilTrue(async () => {
    const rows = await browser.rows("seats");
    return (
      rows.length === seats &&
      rows.every((row) => row instanceof Object && "waiting" in row && row.waiting === 0)
    );
  });

describe("tabs of one user", () => {
  test("c5 two tabs that are open at once do not fight", async () => {
    const seen = await witness();
    const [one, two] = [open(browser.tab()), open(browser.tab())];
    await Promise.all([status(one, "live"), status(two, "live")]);
    expect(one.clientId).not.toBe(two.clientId);
    for (let n = 0; n < 5; n++) {
      count(one);
      count(two);
    }
    await until(seen, () => counted(seen) === 10);
    expect(one.status.state).toBe("live");
    expect(two.status.state).toBe("live");
  });

  test("u2 what a closed tab left is sent once, by a tab that was open before", async () => {
    const seen = await witness();
    const heir = open(browser.tab());
    await status(heir, "live");
    await leftBehind(3);
    const seats: number[] = [];
    browser.locks.onFree = () => void browser.rows("seats").then((rows) => seats.push(rows.length));
    await until(heir, () => counted(heir) === 3);
    await delivered(1);
    expect(counted(seen)).toBe(3);
    expect(heir.status.pending).toBe(0);
    // Free when its tab crashed, and again when it was gone: nobody could take it between.
    await untilTrue(() => seats.length === 2);
    expect(seats).toEqual([2, 1]);
  });

  test("u2 what several tabs left is sent once, by a tab that is opened after: its own seat and couriers for the rest", async () => {
    const seen = await witness();
    const tabs = [browser.tab(), browser.tab(), browser.tab()];
    const rooms = tabs.map(open);
    await Promise.all(rooms.map((room) => status(room, "live")));
    for (const room of rooms) room.disconnect();
    for (const room of rooms) for (let n = 0; n < 4; n++) count(room);
    await untilTrue(async () => (await browser.rows("pending")).length === 12);
    for (const tab of tabs) tab.crash();
    const heir = open(browser.tab());
    await heir.ready;
    expect(counted(heir)).toBe(4);
    await until(seen, () => counted(seen) === 12);
    await delivered(1);
    expect(counted(seen)).toBe(12);
  });

  test("u2 what was sent, and answered to a page that was gone, is not sent again", async () => {
    const seen = await witness();
    const tab = browser.tab();
    const room = open(tab);
    await status(room, "live");
    tab.line.hears = () => false;
    for (let n = 0; n < 3; n++) count(room);
    await waiting(3);
    await until(seen, () => counted(seen) === 3);
    const heir = open(browser.tab());
    await status(heir, "live");
    tab.crash();
    await delivered(1);
    expect(counted(seen)).toBe(3);
  });

  test("u2 many tabs are there to send it, and it counts once", async () => {
    const seen = await witness();
    const heirs = [1, 2, 3, 4].map(() => open(browser.tab()));
    await Promise.all(heirs.map((room) => status(room, "live")));
    await leftBehind(20);
    await until(seen, () => counted(seen) === 20);
    await delivered(4);
    expect(counted(seen)).toBe(20);
    expect(heirs.every((room) => room.status.state === "live")).toBe(true);
  });

  test("u2 the tab that sends it crashes too", async () => {
    const seen = await witness();
    const first = browser.tab();
    let sent = 0;
    // The courier comes as far as the fifth update.
    first.line.sends = (type) => type !== "UPDATE" || sent++ < 5;
    await status(open(first), "live");
    await leftBehind(20);
    await until(seen, () => counted(seen) === 5);
    first.crash();
    const second = open(browser.tab());
    await until(seen, () => counted(seen) === 20);
    await status(second, "live");
    await untilTrue(async () => (await browser.rows("pending")).length === 0);
    expect(counted(seen)).toBe(20);
  });

  test("u2 the tab that sends it is closed meanwhile: nothing is lost", async () => {
    const seen = await witness();
    const first = browser.tab();
    let sent = 0;
    first.line.sends = (type) => type !== "UPDATE" || sent++ < 5;
    const room = open(first);
    await status(room, "live");
    await leftBehind(20);
    await until(seen, () => counted(seen) === 5);
    await room.close();
    const heir = open(browser.tab());
    await until(seen, () => counted(seen) === 20);
    await until(heir, () => heir.status.pending === 0);
    expect(counted(seen)).toBe(20);
  });

  test("a tab that is reloading keeps its seat: others wait a while", async () => {
    await witness();
    browser.graceMs = 60_000;
    const other = browser.tab();
    await status(open(other), "live");
    await untilTrue(() => other.looks === 1);
    const gone = await leftBehind(3);
    await untilTrue(() => other.looks > 1);
    const back = open(gone.reload());
    await back.ready;
    expect(counted(back)).toBe(3);
    await until(back, () => back.status.pending === 0);
  });

  test("the seat of a tab that is open and offline is left alone", async () => {
    const seen = await witness();
    const tab = browser.tab();
    const room = open(tab);
    await status(room, "live");
    room.disconnect();
    count(room);
    await waiting(1);
    const other = open(browser.tab());
    await status(other, "live");
    const gone = await leftBehind(2);
    expect(gone).toBeDefined();
    await until(seen, () => counted(seen) === 2);
    await untilTrue(async () => (await browser.rows("seats")).length === 2);
    expect(counted(seen)).toBe(2);
    room.reconnect();
    await until(seen, () => counted(seen) === 3);
  });

  test("a duplicated tab does not take the seat of the first", async () => {
    const seen = await witness();
    const tab = browser.tab();
    const room = open(tab);
    await status(room, "live");
    const copy = open(tab.duplicate());
    await status(copy, "live");
    expect(copy.clientId).not.toBe(room.clientId);
    count(room);
    count(copy);
    await until(seen, () => counted(seen) === 2);
    expect(room.status.state).toBe("live");
  });

  test("u1 what the server refuses of a closed tab's updates is told in the tab that sent them", async () => {
    const seen = await witness();
    const heir = open(browser.tab());
    const outcomes: unknown[] = [];
    heir.on("outcome", ({ outcome }) => outcomes.push(outcome.status === "rejected" && outcome.code));
    await status(heir, "live");
    const tab = browser.tab();
    const room = open(tab);
    await status(room, "live");
    room.disconnect();
    void room.merge("c", "n", { n: 9 }, { ifVersion: 1 });
    await waiting(1);
    await seen.merge("c", "n", { other: true });
    tab.crash();
    await delivered(1);
    expect(outcomes).toEqual(["CONFLICT"]);
    expect(counted(seen)).toBe(0);
  });

  test("c3 updates that the server does not take from here stay stored, and are not tried again and again", async () => {
    const folder = await dataDir();
    const config = join(folder, "revring.toml");
    await writeFile(config, `[[tokens]]\ntoken = "a-good-token-of-length"\nrooms = "*"\naccess = "write"\n`);
    await server.restart(["--config", config]);
    let good = true;
    const token = () => (good ? "a-good-token-of-length" : "a-bad-token-of-length");
    const heir = browser.tab();
    let joins = 0;
    heir.line.sends = (type) => {
      joins += type === "JOIN" ? 1 : 0;
      return true;
    };
    const room = heir.connect(server.url, name, { token });
    await status(room, "live");
    await room.put("c", "n", { n: 0 });
    const tab = browser.tab();
    const left = tab.connect(server.url, name, { token });
    await status(left, "live");
    left.disconnect();
    count(left);
    await waiting(1);
    good = false;
    tab.crash();
    await untilTrue(() => joins === 2);
    // Looks that would try again if there were a reason to.
    const looked = heir.looks;
    await untilTrue(() => heir.looks > looked + 3);
    expect(joins).toBe(2);
    expect(await browser.rows("pending")).toHaveLength(1);
    expect(room.status.state).toBe("live");
  });

  test("a courier without a network is ended with its tab, and nothing is lost", async () => {
    const seen = await witness();
    const heir = browser.tab();
    const room = open(heir);
    await status(room, "live");
    heir.line.hears = (type) => type !== "JOINED";
    await leftBehind(2);
    await untilTrue(() => browser.locks.count === 2);
    await room.close();
    expect(browser.locks.count).toBe(0);
    const next = open(browser.tab());
    await until(seen, () => counted(seen) === 2);
    await until(next, () => next.status.pending === 0);
  });
});
