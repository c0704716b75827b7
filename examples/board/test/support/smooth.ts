/** How smooth a page is, measured in the page itself. */

import type { Page } from "playwright-core";

/** What was measured, in milliseconds. */
export interface Figures {
  readonly frames: readonly number[];
  /** From a key to the frame that shows it. */
  readonly keys: readonly number[];
  /** Tasks of 50 ms and longer, which the browser reports. */
  readonly tasks: readonly number[];
}

/** Begins to measure. */
export async function measure(page: Page): Promise<void> {
  await page.evaluate(() => {
    const frames: number[] = [];
    const keys: number[] = [];
    const tasks: number[] = [];
    let last: number | undefined;
    const frame = (now: number) => {
      if (last !== undefined) frames.push(now - last);
      last = now;
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
    const { port1, port2 } = new MessageChannel();
    const waiting: number[] = [];
    // The message comes right behind the frame.
    port1.onmessage = () => keys.push(...waiting.splice(0).map((at) => performance.now() - at));
    document.addEventListener(
      "keydown",
      ({ timeStamp }) =>
        requestAnimationFrame(() => {
          waiting.push(timeStamp);
          port2.postMessage(undefined);
        }),
      true,
    );
    new PerformanceObserver((list) =>
      tasks.push(...list.getEntries().map(({ duration }) => duration)),
    ).observe({
      type: "longtask",
    });
    Object.assign(window, { figures: { frames, keys, tasks } });
  });
}

/** What was measured since {@link measure}. */
export function measured(page: Page): Promise<Figures> {
  return page.evaluate(() => Reflect.get(window, "figures"));
}

/** The value that a share of `list` does not exceed; 0 for an empty one. */
export function quantile(list: readonly number[], share: number): number {
  const sorted = list.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

/** The cards whose elements change from now on, and how often: see {@link touched}. */
export async function watchCards(page: Page): Promise<void> {
  await page.evaluate(() => {
    const cards: Record<string, number> = {};
    const observer = new MutationObserver((mutations) => {
      for (const { target } of mutations) {
        const element = target instanceof Element ? target : target.parentElement;
        const id = element?.closest("[data-card]")?.getAttribute("data-card");
        const inList = element?.closest("[data-testid=cards]");
        if (id) cards[id] = (cards[id] ?? 0) + 1;
        else if (inList) cards.list = (cards.list ?? 0) + 1;
      }
    });
    const options = { subtree: true, childList: true, characterData: true, attributes: true };
    observer.observe(document.querySelector("main") ?? document, options);
    Object.assign(window, { touched: cards });
  });
}

/** How often the elements of cards changed, by the card's id; `list`: those that hold them. */
export function touched(page: Page): Promise<Record<string, number>> {
  return page.evaluate(() => Reflect.get(window, "touched"));
}
