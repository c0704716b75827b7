/** Pictures of the board in `test/pictures`, to be looked at; with `REVRING_PICTURES=1` the one in `docs`, too. */

import { mkdir, stat } from "node:fs/promises";
import { join as joinPath } from "node:path";
import type { BrowserContextOptions, Locator, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { addressOf, offline, settled } from "./support/board";
import { Visitors } from "./support/browser";
import { appear, cardById, furnish } from "./support/extra";
import { type Server, startServer, stopServers } from "./support/server";
import { join, leaveRooms } from "./support/state";

const FOLDER = joinPath(import.meta.dirname, "pictures");
const DOCS = joinPath(import.meta.dirname, "../../../docs/board.png");
const DOCS_BYTES = 200_000;
const ROOM = "city-app";

const visitors = new Visitors();
beforeAll(() => mkdir(FOLDER, { recursive: true }));
afterEach(async () => {
  await leaveRooms();
  await visitors.leave();
  await stopServers();
});
afterAll(() => visitors.close());

test.for([
  { name: "light", options: {} },
  { name: "dark", options: { colorScheme: "dark" } },
  { name: "phone", options: { viewport: { width: 390, height: 844 }, hasTouch: true } },
] as const)("the board, $name", async ({ name, options }) => {
  const server = await startServer();
  const page = await boardOf(server, options);
  await take(
    page,
    `board-${name}`,
    page.getByRole("heading", { name: "In progress" }),
    cardById(page, "stops"),
  );
});

test("the board in docs", async () => {
  const server = await startServer();
  const page = await boardOf(server);
  const seen = [page.getByTestId("cursors").getByText("Mira"), page.getByTestId("cursors").getByText("Tom")];
  await take(page, "board-docs", ...seen, cardById(page, "offline").getByTestId("typists"));
  if (process.env.REVRING_PICTURES !== "1") return;
  await page.screenshot({ path: DOCS, animations: "disabled" });
  expect((await stat(DOCS)).size).toBeLessThan(DOCS_BYTES);
});

test("offline", async () => {
  const server = await startServer();
  const page = await boardOf(server);
  await page.context().setOffline(true);
  await offline(page);
  await take(page, "offline", page.getByTestId("banner"));
});

test("the inspector", async () => {
  const server = await startServer();
  const page = await boardOf(server);
  await page.getByTestId("inspect").click();
  await take(page, "inspector", page.getByTestId("inspector"));
});

test("an empty room", async () => {
  const server = await startServer();
  const page = await visit(server, {});
  await take(page, "empty", page.getByTestId("start"));
});

test("a card that three write in", async () => {
  const server = await startServer();
  const page = await boardOf(server);
  const lena = await join(server, ROOM);
  appear(lena, "Lena", 6, { caret: { card: "offline", from: 0, to: 9 } });
  await cardById(page, "offline").locator(".face").focus();
  await page.keyboard.press("Enter");
  const typists = cardById(page, "offline").getByTestId("typists");
  await take(
    page,
    "three-write",
    page.getByTestId("card-text"),
    typists.getByText("Mira"),
    typists.getByText("Lena"),
  );
});

async function visit(server: Server, options: BrowserContextOptions): Promise<Page> {
  const page = await visitors.visit("about:blank", options);
  await page.addInitScript(() => {
    localStorage.setItem("revring-board:name", "Noor");
    localStorage.setItem("revring-board:colour", "0");
  });
  await page.goto(addressOf(server, ROOM));
  await settled(page);
  return page;
}

/** A board with content, and three people on it besides the one who looks. */
async function boardOf(server: Server, options: BrowserContextOptions = {}): Promise<Page> {
  const [mira, tom, aiko] = [await join(server, ROOM), await join(server, ROOM), await join(server, ROOM)];
  await furnish(mira);
  const page = await visit(server, options);
  const length = Number.MAX_SAFE_INTEGER;
  appear(mira, "Mira", 1, {
    pointer: { in: "card", id: "offline", x: 0.62, y: 0.72 },
    caret: { card: "offline", from: length, to: length },
  });
  appear(tom, "Tom", 3, { pointer: { in: "card", id: "bikes", x: 0.45, y: 0.75 } });
  appear(aiko, "Aiko", 5, { pointer: { in: "card", id: "delays", x: 0.6, y: 0.7 } });
  await page.getByTestId("typists").getByText("Mira").waitFor();
  return page;
}

/** Takes a picture once all that it is of can be seen. */
async function take(page: Page, name: string, ...seen: Locator[]): Promise<void> {
  for (const locator of seen) await locator.first().waitFor();
  await page.evaluate(() => document.fonts.ready);
  await page.screenshot({ path: joinPath(FOLDER, `${name}.png`), animations: "disabled" });
  for (const locator of seen) expect(await locator.first().isVisible()).toBe(true);
}
