import type { Page } from "playwright-core";
import { afterAll, afterEach, expect, test } from "vitest";
import { addCards, addressOf, agreed, card, offline, openCard, settled, start } from "./support/board";
import { Visitors } from "./support/browser";
import { startServer, stopServers } from "./support/server";
import { expectServersState, join, leaveRooms } from "./support/state";

const visitors = new Visitors();
afterEach(async () => {
  await leaveRooms();
  await visitors.leave();
  await stopServers();
});
afterAll(() => visitors.close());

/** Two people at a board with the card "shared". The ring keeps 16 operations. */
async function two() {
  const server = await startServer(["--ring-ops", "16"]);
  const url = addressOf(server, "gap");
  const [one, other] = [await visitors.visit(`${url}&inspect`), await visitors.visit(url)];
  await start(one);
  await addCards(one, "To do", ["shared"]);
  await card(other, "shared").waitFor();
  await settled(one, other);
  return { server, one, other, context: one.context() };
}

/** Makes more operations than the ring keeps, in other cards; `before` goes into the text of the card "shared". */
async function overrun(server: { url: string }, before = ""): Promise<void> {
  const room = await join(server, "gap");
  const shared = room.list("cards").find(({ data }) => data.text === "shared");
  if (!shared) throw new Error("no card");
  const { column = "" } = shared.data;
  if (before !== "") await room.text("cards", shared.id, "/text").insert(0, before);
  for (let n = 0; n < 60; n++) {
    await room.put("cards", `other-${n % 7}`, { column, order: `z${n % 7}`, text: `${n}` });
  }
}

const OTHERS = ["56", "57", "58", "59", "53", "54", "55"];

/** How many gaps the page has met, as its inspector says. */
async function gaps(page: Page): Promise<string> {
  const facts = page.getByTestId("inspector").locator("dl");
  return facts.getByText("gaps", { exact: true }).locator("xpath=following-sibling::*[1]").innerText();
}

test("a gap while one writes offline: the work of both is there, and typing goes on where it was", async () => {
  const { server, one, other, context } = await two();
  await context.setOffline(true);
  await offline(one);
  await addCards(one, "Doing", ["added offline"]);
  const area = await openCard(one, "shared");
  await one.keyboard.press("Home");
  await one.keyboard.type("we ");
  await overrun(server);

  const typing = one.keyboard.type("all have ", { delay: 25 });
  await context.setOffline(false);
  await typing;
  const board = await agreed(one, other);
  expect(await area.inputValue()).toBe("we all have shared");
  const caret = await area.evaluate((area: HTMLTextAreaElement) => area.selectionStart);
  expect(caret).toBe("we all have ".length);
  expect(board.map(({ cards }) => cards)).toEqual([["we all have shared", ...OTHERS], ["added offline"], []]);
  await expect.poll(() => gaps(one)).toBe("1");
  await expectServersState(server, "gap", [one, other]);
});

test("a gap that hides how two texts came apart: what was written is offered, and kept by one press", async () => {
  const { server, one, other, context } = await two();
  await context.setOffline(true);
  await offline(one);
  await openCard(one, "shared");
  await one.keyboard.type(" work");
  await one.keyboard.press("Escape");
  await overrun(server, "their ");
  await context.setOffline(false);

  await one.getByText("Somebody replaced the text of “shared work” while you were writing in it.").waitFor();
  await one.getByRole("button", { name: "Keep my text as a new card" }).click();
  const board = await agreed(one, other);
  const [toDo = []] = board.map(({ cards }) => cards);
  expect(toDo.toSorted()).toEqual(["their shared", "shared work", ...OTHERS].toSorted());
  await expect.poll(() => gaps(one)).toBe("1");
  await expectServersState(server, "gap", [one, other]);
});
