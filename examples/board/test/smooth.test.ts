/** A thousand cards, and somebody who changes twenty of them a second. */

import type { Page } from "playwright-core";
import { afterAll, afterEach, expect, test } from "vitest";
import { keyBetween, type Room } from "../../../clients/typescript/src/json";
import { addressOf, field, settled } from "./support/board";
import { Visitors } from "./support/browser";
import { cardById, percentile } from "./support/extra";
import { type Server, startServer, stopServers } from "./support/server";
import { join, leaveRooms } from "./support/state";

const COLUMNS = 5;
const CARDS = 1_000;
/** Between two updates of the other, in milliseconds. */
const EVERY_MS = 50;
/** The most that 95 of 100 frames may take, in milliseconds. */
const FRAME_MS = 100;
const WORDS = "a sentence that is typed while all of this moves";

/** What the page measured, in milliseconds. */
interface Measured {
  readonly frames: number[];
  readonly keys: number[];
  /** Those of 50 ms and more: the browser tells of no others. */
  readonly tasks: number[];
  /** When something scrolled. */
  readonly scrolls: number[];
}

declare global {
  interface Window {
    measured: Measured;
    strangers: string[];
  }
}

const visitors = new Visitors();
afterEach(async () => {
  await leaveRooms();
  await visitors.leave();
  await stopServers();
});
afterAll(() => visitors.close());

test("a thousand cards that change: frames are short, keys show at once", async () => {
  const { page, room } = await crowded(await startServer());
  const updates = changeAlways(room);
  await measure(page);
  await page.mouse.move(400, 400);
  for (let n = 0; n < 40; n++) await page.mouse.wheel(n % 20 < 10 ? 12 : -12, n % 20 < 10 ? 240 : -240);
  await openFirst(page);
  await page.keyboard.type(WORDS, { delay: 30 });
  const { frames, keys, tasks, scrolls } = await page.evaluate(() => window.measured);
  const made = updates();
  const figures = (numbers: readonly number[]) =>
    `p50 ${percentile(numbers, 0.5).toFixed(1)} ms, p95 ${percentile(numbers, 0.95).toFixed(1)} ms`;
  console.log(
    `${CARDS} cards, ${made} updates meanwhile; ${frames.length} frames: ${figures(frames)}; ` +
      `${keys.length} keys to the next frame: ${figures(keys)}; ${scrolls.length} scrolls; ` +
      (tasks.length > 0 ? `longest task ${Math.max(...tasks).toFixed(0)} ms` : "no task of 50 ms or more"),
  );
  expect(made).toBeGreaterThan(20);
  expect(await field(page).inputValue()).toBe(`Card 0${WORDS}`);
  expect(scrolls.length).toBeGreaterThan(10);
  expect(keys.length).toBeGreaterThanOrEqual(WORDS.length);
  expect(percentile(frames, 0.95)).toBeLessThan(FRAME_MS);
  await settled(page);
});

test("a key changes the page in its card alone", async () => {
  const { page, room } = await crowded(await startServer());
  await openFirst(page);
  await page.evaluate(() => {
    window.strangers = [];
    const own = '[data-card="card-0"], [data-testid=status], [data-testid=undo], [data-testid=redo]';
    new MutationObserver((changes) => {
      for (const { target } of changes) {
        const element = target instanceof Element ? target : target.parentElement;
        if (!element?.closest(own)) window.strangers.push(element?.outerHTML.slice(0, 120) ?? "a node");
      }
    }).observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true });
  });
  await page.keyboard.type("x");
  await expect.poll(() => room.get("cards", "card-0")?.data.text).toBe("Card 0x");
  await settled(page);
  expect(await page.evaluate(() => window.strangers)).toEqual([]);
});

/** A page with a thousand cards, and the one who made them. */
async function crowded(server: Server): Promise<{ page: Page; room: Room }> {
  const room = await join(server, "crowd");
  const orders: string[] = [];
  for (let n = 0; n < CARDS / COLUMNS; n++) orders.push(keyBetween(orders.at(-1) ?? null, null));
  for (let c = 0; c < COLUMNS; c++) {
    void room.put("columns", `column-${c}`, { title: `Column ${c}`, order: orders[c] ?? "" });
    for (let from = 0; from < orders.length; from += 50) {
      void room.transaction((tx) => {
        for (const [i, order] of orders.slice(from, from + 50).entries()) {
          const n = c * orders.length + from + i;
          tx.put("cards", `card-${n}`, { column: `column-${c}`, order, text: `Card ${n}` });
        }
      });
    }
  }
  await expect.poll(() => room.status.pending).toBe(0);
  const page = await visitors.visit(addressOf(server, "crowd"));
  await expect.poll(() => page.getByTestId("card").count()).toBe(CARDS);
  await settled(page);
  return { page, room };
}

/** Changes cards, other than the first, twenty times a second. What it returns ends that, and tells how many there were. */
function changeAlways(room: Room): () => number {
  let made = 0;
  const timer = setInterval(() => {
    made++;
    const id = `card-${1 + ((made * 37) % (CARDS - 1))}`;
    if (made % 5 === 0) void room.merge("cards", id, { column: `column-${made % COLUMNS}` });
    else void room.set("cards", id, "/text", `Changed ${made}`);
  }, EVERY_MS);
  return () => {
    clearInterval(timer);
    return made;
  };
}

/** Has the page measure its frames, the time from a key to the next frame, and its long tasks. */
async function measure(page: Page): Promise<void> {
  await page.evaluate(() => {
    const measured: Measured = { frames: [], keys: [], tasks: [], scrolls: [] };
    const { frames, keys, tasks, scrolls } = measured;
    window.measured = measured;
    const onScroll = () => scrolls.push(performance.now());
    document.addEventListener("scroll", onScroll, { capture: true, passive: true });
    let last = performance.now();
    const frame = (now: number) => {
      frames.push(now - last);
      last = now;
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
    const onKey = ({ timeStamp }: Event) =>
      requestAnimationFrame(() => keys.push(performance.now() - timeStamp));
    document.addEventListener("keydown", onKey, { capture: true });
    new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) tasks.push(duration);
    }).observe({ type: "longtask" });
  });
}

async function openFirst(page: Page): Promise<void> {
  await cardById(page, "card-0").locator(".face").focus();
  await page.keyboard.press("Enter");
  await field(page).waitFor();
}
