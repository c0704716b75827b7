/** What people see on a board and do with it. */

import type { Locator, Page } from "playwright-core";
import { expect } from "vitest";

/** A column as it stands on the page. */
export interface Shown {
  readonly title: string;
  readonly cards: readonly string[];
}

/** The address of a board. */
export function addressOf(server: { httpUrl: string }, room: string): string {
  return `${server.httpUrl}/?room=${encodeURIComponent(room)}`;
}

/** The columns and their cards, as screen readers find them. */
export function shown(page: Page): Promise<Shown[]> {
  return page.evaluate(() => {
    const columns = Array.from(document.querySelectorAll("ul[aria-label=Columns] > li > section"));
    return columns.map((column) => {
      const heading = column.querySelector("h2");
      const title = heading?.getAttribute("aria-label") ?? heading?.textContent ?? "";
      const cards = Array.from(column.querySelectorAll("ul[aria-label^='Cards in'] > li"), (card) => {
        const field = card.querySelector("textarea");
        const face = card.querySelector(".face[role=button]");
        return field ? field.value : face?.querySelector(".empty") ? "" : (face?.textContent ?? "");
      });
      return { title, cards };
    });
  });
}

/** The texts of the cards of the column `title`. */
export async function cardsIn(page: Page, title: string): Promise<readonly string[]> {
  return (await shown(page)).find((column) => column.title === title)?.cards ?? [];
}

/** All cards' texts, column by column. */
export async function allCards(page: Page): Promise<string[]> {
  return (await shown(page)).flatMap(({ cards }) => cards);
}

/** The column `title`. */
export function column(page: Page, title: string): Locator {
  return page.getByRole("region", { name: title, exact: true });
}

/** The card with the text `text`, to be opened. */
export function card(page: Page, text: string): Locator {
  return page.getByRole("button", { name: text, exact: true });
}

/** The field in which a card's text is written. */
export function field(page: Page): Locator {
  return page.getByRole("textbox", { name: "Text of the card" });
}

/** Begins an empty board with three columns, and waits until the server has them. */
export async function start(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Start with three columns" }).click();
  await settled(page);
}

/** Adds cards at the end of the column `title`. */
export async function addCards(page: Page, title: string, texts: readonly string[]): Promise<void> {
  await column(page, title).getByRole("button", { name: "Add a card" }).click();
  const composer = page.getByRole("textbox", { name: "Text of the new card" });
  for (const text of texts) {
    await composer.fill(text);
    await composer.press("Enter");
  }
  await composer.press("Escape");
}

/** Opens the card `text` for writing, with the caret behind its text. */
export async function openCard(page: Page, text: string): Promise<Locator> {
  await card(page, text).focus();
  await page.keyboard.press("Enter");
  const opened = field(page);
  await opened.waitFor();
  return opened;
}

/** The status as it is told, in words. */
export function statusOf(page: Page): Locator {
  return page.getByTestId("status-words");
}

/** Waits until the page is connected and the server has acknowledged all its changes. */
export async function settled(...pages: Page[]): Promise<void> {
  await Promise.all(
    pages.map((page) => page.locator('[data-testid=status][data-state=live][data-pending="0"]').waitFor()),
  );
}

/** Waits until the page says that it is not connected. */
export async function offline(page: Page): Promise<void> {
  await page.locator("[data-testid=status][data-state=offline]").waitFor();
}

/** Waits until all pages have sent what they have, and show the same. Returns it. */
export async function agreed(...pages: Page[]): Promise<Shown[]> {
  await settled(...pages);
  const differing = async () => {
    const [first, ...others] = await Promise.all(pages.map(shown));
    return others
      .filter((other) => JSON.stringify(other) !== JSON.stringify(first))
      .map((other) => [first, other]);
  };
  await expect.poll(differing).toEqual([]);
  const [first] = pages;
  if (!first) throw new Error("no pages");
  return shown(first);
}
