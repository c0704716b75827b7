/** Somebody who does this and that on a board, by mouse and keyboard. */

import type { Locator, Page } from "playwright-core";
import { column, field } from "./board";
import type { Random } from "./random";

/** Others may take away at any time what is worked on: then nobody waits for it long. */
const PATIENCE = { timeout: 3_000 };

/** Does `count` random things, one after the other. Returns how many of them others prevented. */
export async function editAtRandom(page: Page, name: string, random: Random, count: number): Promise<number> {
  let prevented = 0;
  for (let n = 1; n <= count; n++) {
    const action = random.of(ACTIONS) ?? add;
    try {
      await action(page, random, `${name}${n}`);
    } catch (error) {
      // What was there a moment ago is gone, or elsewhere.
      if (!(error instanceof Error && /Timeout|not attached|detached/.test(error.message))) throw error;
      prevented++;
    }
  }
  await page.keyboard.press("Escape");
  return prevented;
}

type Action = (page: Page, random: Random, word: string) => Promise<void>;

const add: Action = async (page, random, word) => {
  const title = random.of(await titles(page));
  if (title === undefined) return;
  await column(page, title).getByRole("button", { name: "Add a card" }).first().click(PATIENCE);
  await page.getByRole("textbox", { name: "Text of the new card" }).fill(word, PATIENCE);
  await page.keyboard.press("Enter");
  await page.keyboard.press("Escape");
};

const addColumn: Action = async (page, _random, word) => {
  if ((await titles(page)).length >= 5) return;
  await page.getByRole("button", { name: "Add a column" }).click(PATIENCE);
  await page.getByRole("textbox", { name: "Title of the new column" }).fill(`Column ${word}`, PATIENCE);
  await page.keyboard.press("Enter");
};

const rename: Action = async (page, random, word) => {
  const title = random.of(await titles(page));
  if (title === undefined) return;
  await page.getByRole("heading", { name: title, exact: true }).first().getByRole("button").click(PATIENCE);
  await page.getByRole("textbox", { name: "Title of the column" }).fill(`Column ${word}`, PATIENCE);
  await page.keyboard.press("Enter");
};

const drag: Action = async (page, random) => {
  const from = await someCard(page, random);
  const to = page.getByRole("list", { name: /^Cards in/ });
  const list = to.nth(random.below(await to.count()));
  const [start, end] = [await from?.boundingBox(PATIENCE), await list.boundingBox(PATIENCE)];
  if (!start || !end) return;
  const x = end.x + end.width / 2;
  const y = end.y + random.next() * Math.min(end.height, 300);
  await page.mouse.move(start.x + 20, start.y + start.height / 2);
  await page.mouse.down();
  await page.mouse.move(start.x + 40, start.y + start.height / 2, { steps: 2 });
  await page.mouse.move(x, y, { steps: 4 });
  await page.mouse.up();
};

const dragByKeys: Action = async (page, random) => {
  const from = await someCard(page, random);
  if (!from) return;
  await from.focus(PATIENCE);
  await page.keyboard.press("Space");
  for (let n = random.below(3); n >= 0; n--) {
    await page.keyboard.press(random.of(["ArrowLeft", "ArrowRight", "ArrowDown", "ArrowUp"]) ?? "ArrowDown");
  }
  await page.keyboard.press("Space");
};

const type: Action = async (page, random, word) => {
  const from = await someCard(page, random);
  if (!from) return;
  await from.focus(PATIENCE);
  await page.keyboard.press("Enter");
  const text = field(page);
  if (!(await text.isVisible())) return;
  if (random.next() < 0.5) await text.press("Home", PATIENCE);
  await page.keyboard.type(` ${word} `);
  if (random.next() < 0.5) await page.keyboard.press("Backspace");
  await page.keyboard.press("Escape");
};

const remove: Action = async (page, random) => {
  const from = await someCard(page, random);
  await from?.focus(PATIENCE);
  if (from) await page.keyboard.press("Delete");
};

const undo: Action = async (page) => {
  await page.getByRole("button", { name: "Undo", exact: true }).first().click(PATIENCE);
};

const ACTIONS = [add, add, add, addColumn, rename, drag, drag, dragByKeys, type, type, remove, undo];

function titles(page: Page): Promise<string[]> {
  return page
    .getByRole("heading", { level: 2 })
    .evaluateAll((all) =>
      all.map((heading) => heading.getAttribute("aria-label")).filter((title) => title !== null),
    );
}

/** A card that is there now, and is found again wherever it goes. */
async function someCard(page: Page, random: Random): Promise<Locator | undefined> {
  const ids = await page
    .getByTestId("card")
    .evaluateAll((cards) => cards.map((card) => card.getAttribute("data-card")));
  const id = random.of(ids.filter((id) => id !== null));
  return id === undefined ? undefined : page.locator(`[data-card="${id}"] .face`);
}
