import type { BrowserContext, Page } from "playwright-core";
import { build } from "vite";
import { afterAll, afterEach, beforeEach, expect, test } from "vitest";
import { addCards, addressOf, agreed, allCards, cardsIn, offline, settled, start } from "./support/board";
import { Visitors } from "./support/browser";
import { type Server, startServer, stopServers } from "./support/server";
import { leaveRooms } from "./support/state";
import { pendingRows, recordRows, seatRows } from "./support/stored";

const visitors = new Visitors();
let server: Server;
let url: string;
beforeEach(async () => {
  server = await startServer();
  url = addressOf(server, "store");
});
afterEach(async () => {
  await leaveRooms();
  await visitors.leave();
  await stopServers();
});
afterAll(() => visitors.close());

async function tab(context: BrowserContext): Promise<Page> {
  const page = await context.newPage();
  await page.goto(url);
  await settled(page);
  return page;
}

test("IndexedDB has the confirmed records, and the pending updates as long as they are pending", async () => {
  const context = await visitors.person();
  const page = await tab(context);
  await start(page);
  await addCards(page, "To do", ["kept"]);
  await settled(page);
  await expect.poll(() => recordRows(page)).toBe(4);
  await expect.poll(() => pendingRows(page)).toBe(0);
  await context.setOffline(true);
  await offline(page);
  await addCards(page, "Done", ["later"]);
  await expect.poll(() => pendingRows(page)).toBe(1);
  expect(await recordRows(page)).toBe(4);
  await context.setOffline(false);
  await expect.poll(() => recordRows(page)).toBe(5);
  await expect.poll(() => pendingRows(page)).toBe(0);
});

test("two tabs have a seat each, and keep it when they are reloaded", async () => {
  const context = await visitors.person();
  const [one, other] = [await tab(context), await tab(context)];
  const seats = await seatRows(one);
  expect(new Set(seats.map(({ clientKey }) => clientKey)).size).toBe(2);
  await start(one);
  await context.setOffline(true);
  await Promise.all([offline(one), offline(other)]);
  await addCards(one, "To do", ["of the one"]);
  await addCards(other, "Done", ["of the other"]);
  await expect.poll(() => pendingRows(one)).toBe(2);
  await context.setOffline(false);
  await Promise.all([one.reload(), other.reload()]);
  await agreed(one, other);
  await expect.poll(() => allCards(one)).toEqual(["of the one", "of the other"]);
  await agreed(one, other);
  expect((await seatRows(one)).map(({ id }) => id).toSorted()).toEqual(seats.map(({ id }) => id).toSorted());
});

test("a duplicated tab gets a seat of its own, and both go on", async () => {
  const context = await visitors.person();
  const one = await tab(context);
  await start(one);
  const memory = await one.evaluate(() => Object.entries(sessionStorage));
  expect(memory).toHaveLength(1);
  const copy = await context.newPage();
  await copy.addInitScript((memory) => {
    for (const [key, value] of memory)
      if (sessionStorage.getItem(key) === null) sessionStorage.setItem(key, value);
  }, memory);
  await copy.goto(url);
  await settled(one, copy);
  expect(await seatRows(one)).toHaveLength(2);
  await Promise.all([addCards(one, "To do", ["a", "b"]), addCards(copy, "Done", ["c", "d"])]);
  await agreed(one, copy);
  expect(await cardsIn(one, "To do")).toEqual(["a", "b"]);
  expect(await cardsIn(one, "Done")).toEqual(["c", "d"]);
  await expect.poll(() => pendingRows(one)).toBe(0);
});

test("forgetting removes what a closed tab left and what an open one has, which goes on in memory", async () => {
  // The page's policy forbids scripts that are not its own; this test brings one.
  const context = await visitors.person({ bypassCSP: true });
  const [one, other] = [await tab(context), await tab(context)];
  await start(one);
  await expect.poll(() => recordRows(one)).toBe(6);
  await other.close();
  await one.addScriptTag({ type: "module", content: await forgetting() });
  await one.evaluate(() => Reflect.get(window, "forget")());
  await expect.poll(() => recordRows(one)).toBe(0);
  await addCards(one, "To do", ["in memory"]);
  await settled(one);
  expect(await allCards(one)).toEqual(["in memory"]);
  const again = await tab(context);
  await expect.poll(() => allCards(again)).toEqual(["in memory"]);
});

/** A script that gives the page a function that forgets all rooms of its server. */
async function forgetting(): Promise<string> {
  const entry = new URL("../../../clients/typescript/src/offline.ts", import.meta.url).pathname;
  const built = await build({
    configFile: false,
    logLevel: "error",
    build: { write: false, minify: false, lib: { entry, formats: ["es"] } },
  });
  const [result] = Array.isArray(built) ? built : [built];
  const chunk = result && "output" in result ? result.output[0] : undefined;
  if (!chunk) throw new Error("nothing was built");
  return `${chunk.code}\nwindow.forget = () => browserStore().forget(location.origin);`;
}
