import type { BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeEach, expect, test } from "vitest";
import {
  addCards,
  addressOf,
  agreed,
  allCards,
  card,
  offline,
  openCard,
  settled,
  start,
  statusOf,
} from "./support/board";
import { Visitors } from "./support/browser";
import { type Server, startServer, stopServers } from "./support/server";
import { expectServersState, leaveRooms } from "./support/state";
import { pendingRows } from "./support/stored";

const visitors = new Visitors();
let server: Server;
let url: string;
beforeEach(async () => {
  server = await startServer();
  url = addressOf(server, "offline");
});
afterEach(async () => {
  await leaveRooms();
  await visitors.leave();
  await stopServers();
});
afterAll(() => visitors.close());

/** Two people at a board with the card "Plan". */
async function two(): Promise<{ one: Page; other: Page; context: BrowserContext }> {
  const [one, other] = [await visitors.visit(url), await visitors.visit(url)];
  await start(one);
  await addCards(one, "To do", ["Plan"]);
  await card(other, "Plan").waitFor();
  await settled(one, other);
  return { one, other, context: one.context() };
}

/** Goes offline, types into the card "Plan" and adds a card. */
async function editOffline(context: BrowserContext, page: Page): Promise<void> {
  await context.setOffline(true);
  await offline(page);
  await openCard(page, "Plan");
  await page.keyboard.type(" the journey");
  await page.keyboard.press("Escape");
  await addCards(page, "Doing", ["Pack"]);
}

const EXPECTED = ["Plan the journey", "Pack"];

/** The edits have come to the other person's page and to the server, once. */
async function expectEdits(...pages: Page[]): Promise<void> {
  for (const page of pages) await expect.poll(() => allCards(page)).toEqual(EXPECTED);
  await agreed(...pages);
  for (const page of pages) expect(await allCards(page)).toEqual(EXPECTED);
  await expectServersState(server, "offline", pages);
}

test("offline: a banner says so, edits show at once and are sent when the network is back", async () => {
  const { one, other, context } = await two();
  await editOffline(context, one);
  expect(await allCards(one)).toEqual(EXPECTED);
  await one.getByTestId("banner").getByText("You are offline. Go on as usual").waitFor();
  await expect
    .poll(() => statusOf(one).innerText())
    .toMatch(/^Offline: \d+ changes are kept on this device$/);
  expect(await allCards(other)).toEqual(["Plan"]);
  await context.setOffline(false);
  await expectEdits(one, other);
  await expect.poll(() => statusOf(one).innerText()).toBe("Saved");
  await expect.poll(() => one.getByTestId("banner").count()).toBe(0);
});

test("offline, edit, reload, come back: the edits are there, and count once", async () => {
  const { one, other, context } = await two();
  await editOffline(context, one);
  // Without a network the browser has no page to show.
  await expect(one.reload()).rejects.toThrow("ERR_INTERNET_DISCONNECTED");
  await context.setOffline(false);
  await one.reload();
  await expectEdits(one, other);
});

test("a page that is loaded while the server takes no connection shows what this device has", async () => {
  const { one, other, context } = await two();
  await context.setOffline(true);
  await offline(one);
  await addCards(one, "Doing", ["Pack"]);
  // The page itself is read, as from a cache; its connection is not made.
  await context.addInitScript(() => Object.defineProperty(navigator, "onLine", { get: () => false }));
  await context.setOffline(false);
  await one.reload();
  await expect.poll(() => allCards(one)).toEqual(["Plan", "Pack"]);
  await expect.poll(() => statusOf(one).innerText()).toBe("Offline: 1 change is kept on this device");
  await one.getByTestId("reconnect").click();
  await agreed(one, other);
  expect(await allCards(other)).toEqual(["Plan", "Pack"]);
});

test("the server goes away under an open page, which loses nothing", async () => {
  const { one, other } = await two();
  await server.stop();
  await Promise.all([offline(one), offline(other)]);
  await openCard(one, "Plan");
  await one.keyboard.type(" the journey");
  await one.keyboard.press("Escape");
  expect(await allCards(one)).toEqual(["Plan the journey"]);
});

test("a page that crashes while offline has its edits when it is opened again", async () => {
  const { one, other, context } = await two();
  await editOffline(context, one);
  await expect.poll(() => pendingRows(one)).toBeGreaterThan(0);
  const crashed = one.waitForEvent("crash");
  await one.goto("chrome://crash").catch(() => undefined);
  await crashed;
  await one.close();
  await context.setOffline(false);
  const again = await context.newPage();
  await again.goto(url);
  await expectEdits(again, other);
});

test("what a closed tab could not send is sent by another tab of the same browser", async () => {
  const { one, other, context } = await two();
  const second = await context.newPage();
  await second.goto(url);
  await settled(second);
  await editOffline(context, one);
  await expect.poll(() => pendingRows(second)).toBeGreaterThan(0);
  await one.close();
  expect(await allCards(second)).toEqual(["Plan"]);
  await context.setOffline(false);
  // A tab looks for such changes every half minute, and when it is opened.
  await second.reload();
  await expectEdits(second, other);
  await expect.poll(() => pendingRows(second)).toBe(0);
});
