import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeEach, expect, test } from "vitest";
import { nameless, tooWide, unreachable } from "./support/accessible";
import {
  addCards,
  addressOf,
  allCards,
  card,
  cardsIn,
  column,
  openCard,
  settled,
  start,
} from "./support/board";
import { Visitors } from "./support/browser";
import { startServer, stopServers } from "./support/server";

const visitors = new Visitors();
let url: string;
beforeEach(async () => {
  url = addressOf(await startServer(), "access");
});
afterEach(async () => {
  await visitors.leave();
  await stopServers();
});
afterAll(() => visitors.close());

/** Presses Tab until the control with this name has the focus. */
async function tabTo(page: Page, name: string | RegExp): Promise<void> {
  const passed: string[] = [];
  for (let n = 0; n < 40; n++) {
    await page.keyboard.press("Tab");
    const focused = await page.evaluate(() => {
      const element = document.activeElement;
      return (element?.getAttribute("aria-label") ?? element?.textContent ?? "").trim();
    });
    if (typeof name === "string" ? focused === name : name.test(focused)) return;
    passed.push(focused);
  }
  throw new Error(`Tab does not lead to ${name}, but to ${passed.join(", ")}`);
}

const announced = (page: Page) => page.getByTestId("announcements").innerText();
const focused = (page: Page) => page.evaluate(() => document.activeElement?.textContent ?? "");

test("by keyboard alone: begin, add, write, move, undo, delete; and it is told", async () => {
  const page = await visitors.visit(url);
  await settled(page);
  await tabTo(page, "Start with three columns");
  await page.keyboard.press("Enter");
  await column(page, "To do").waitFor();
  await settled(page);
  await tabTo(page, "Add a card to To do");
  await page.keyboard.press("Enter");
  await page.keyboard.type("One");
  await page.keyboard.press("Enter");
  await expect.poll(() => announced(page)).toContain("Card added.");
  await page.keyboard.type("Two");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Escape");
  await expect.poll(() => focused(page)).toBe("Add a card to To do");

  await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("Shift+Tab");
  await expect.poll(() => focused(page)).toBe("One");
  await page.keyboard.press("ArrowDown");
  await expect.poll(() => focused(page)).toBe("Two");
  await page.keyboard.press("Enter");
  await page.keyboard.type(" and more");
  await page.keyboard.press("Escape");
  await expect.poll(() => focused(page)).toBe("Two and more");

  await page.keyboard.press("Space");
  await expect.poll(() => announced(page)).toMatch(/^Picked up “Two and more”\. Position 2 of 2 in To do\./);
  await page.keyboard.press("ArrowUp");
  await expect.poll(() => announced(page)).toMatch(/^Position 1 of 2 in To do\./);
  await page.keyboard.press("ArrowRight");
  await expect.poll(() => announced(page)).toMatch(/^Position 1 of 1 in Doing\./);
  await page.keyboard.press("Space");
  await expect.poll(() => announced(page)).toMatch(/^“Two and more” dropped\. Position 1 of 1 in Doing\./);
  await expect.poll(() => cardsIn(page, "Doing")).toEqual(["Two and more"]);
  await expect.poll(() => focused(page)).toBe("Two and more");

  await page.keyboard.press("Tab");
  const label = await page.evaluate(() => document.activeElement?.getAttribute("aria-label"));
  expect(label).toBe("Actions for “Two and more”");
  await page.keyboard.press("Enter");
  await page.getByRole("menu").waitFor();
  await page.keyboard.press("d");
  await expect.poll(() => focused(page)).toMatch(/^Do|^Delete/);
  await page.getByRole("menuitem", { name: "Done" }).focus();
  await page.keyboard.press("Enter");
  await expect.poll(() => cardsIn(page, "Done")).toEqual(["Two and more"]);
  await expect.poll(() => announced(page)).toMatch(/^Moved to Done\./);
  await expect.poll(() => focused(page)).toBe("Two and more");

  await page.keyboard.press("Control+z");
  await expect.poll(() => cardsIn(page, "Doing")).toEqual(["Two and more"]);
  await page.keyboard.press("Control+Shift+z");
  await expect.poll(() => cardsIn(page, "Done")).toEqual(["Two and more"]);
  await card(page, "Two and more").focus();
  await page.keyboard.press("Delete");
  await expect.poll(() => allCards(page)).toEqual(["One"]);
  await page.getByText("Deleted “Two and more”").waitFor();
  await expect.poll(() => focused(page)).toBe("Add a card to Done");
});

test("a drag by keyboard is given up with Escape", async () => {
  const page = await visitors.visit(url);
  await start(page);
  await addCards(page, "To do", ["One", "Two"]);
  await card(page, "One").focus();
  await page.keyboard.press("Space");
  await expect.poll(() => announced(page)).toMatch(/^Picked up “One”/);
  await page.keyboard.press("ArrowRight");
  await expect.poll(() => announced(page)).toMatch(/in Doing\./);
  await page.keyboard.press("Escape");
  await expect.poll(() => announced(page)).toMatch(/is back where it was/);
  await expect.poll(() => cardsIn(page, "To do")).toEqual(["One", "Two"]);
});

test("every control has a name, whatever is open", async () => {
  const page = await visitors.visit(`${url}&inspect`);
  await settled(page);
  expect(await nameless(page)).toEqual([]);
  await start(page);
  await addCards(page, "To do", ["One", "Two"]);
  expect(await nameless(page)).toEqual([]);
  await openCard(page, "One");
  expect(await nameless(page)).toEqual([]);
  await page.keyboard.press("Escape");
  for (const name of ["Actions for “One”", "Actions for column To do", /here, as/, "access"]) {
    await page.getByRole("button", { name }).click();
    await page.locator(".popover").waitFor();
    expect(await nameless(page)).toEqual([]);
    await page.keyboard.press("Escape");
    await page.locator(".popover").waitFor({ state: "detached" });
  }
  await page.context().setOffline(true);
  await page.getByTestId("banner").waitFor();
  expect(await nameless(page)).toEqual([]);
});

test("a phone: nothing is wider than the page, and everything can be reached", async () => {
  const phone = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };
  const page = await visitors.visit(url, phone);
  await settled(page);
  expect(await tooWide(page)).toEqual([]);
  await page.getByRole("button", { name: "Start with three columns" }).tap();
  await column(page, "To do").getByRole("button", { name: "Add a card" }).tap();
  await page
    .getByRole("textbox", { name: "Text of the new card" })
    .fill("A card with a-word-that-is-too-long-for-a-phone-and-must-break");
  await page.getByRole("button", { name: "Add card" }).tap();
  await page.getByRole("button", { name: "Done", exact: true }).first().tap();
  await settled(page);
  expect(await tooWide(page)).toEqual([]);
  expect(await unreachable(page)).toEqual([]);

  await page.getByRole("button", { name: /^Actions for “A card/ }).tap();
  expect(await tooWide(page)).toEqual([]);
  expect(await unreachable(page)).toEqual([]);
  await page.getByRole("menuitem", { name: "Done" }).tap();
  await expect.poll(() => cardsIn(page, "Done")).toHaveLength(1);
  for (const name of [/here, as/, "access"]) {
    await page.getByRole("button", { name }).tap();
    await page.locator(".popover").waitFor();
    expect(await tooWide(page)).toEqual([]);
    expect(await unreachable(page)).toEqual([]);
    await page.keyboard.press("Escape");
  }
  await column(page, "Done").scrollIntoViewIfNeeded();
  await page.getByRole("button", { name: "Add a column" }).tap();
  await page.keyboard.type("Later");
  await page.keyboard.press("Enter");
  await column(page, "Later").waitFor();
  await page.getByRole("button", { name: "Inspector", exact: true }).tap();
  expect(await tooWide(page)).toEqual([]);
  await page.context().setOffline(true);
  await page.getByTestId("banner").waitFor();
  expect(await tooWide(page)).toEqual([]);
});
