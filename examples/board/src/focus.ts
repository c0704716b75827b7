import type { Moving } from "./drag";

/**
 * Puts the focus on a card once it is drawn, or, if there is none, on the button that adds one to `column`. What changes
 * the board moves elements; who works by keyboard goes on from where they were.
 */
export function focusCard(card: string | undefined, column?: string): void {
  requestAnimationFrame(() => {
    const own = card !== undefined && find(`[data-card="${CSS.escape(card)}"] .face`);
    const other =
      column !== undefined && find(`[data-column="${CSS.escape(column)}"] [data-testid="add-card"]`);
    (own || other || undefined)?.focus();
  });
}

/** Puts the focus on a column's title once it is drawn. */
export function focusColumn(column: string): void {
  requestAnimationFrame(() => find(`[data-column="${CSS.escape(column)}"] .title`)?.focus());
}

/** Puts the focus on what was moved by keyboard, once it is drawn. */
export function focusMoved({ kind, id }: Moving): void {
  if (kind === "card") focusCard(id);
  else requestAnimationFrame(() => find(`[data-column="${CSS.escape(id)}"] .grip`)?.focus());
}

/** Keeps what is being moved by keyboard on the screen and under the focus: moving takes its element away and puts it back. */
export function showMoving(): void {
  find("[data-moving]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  find(":is([data-card][data-moving] .face, [data-column][data-moving] .grip)")?.focus({
    preventScroll: true,
  });
}

function find(selector: string): HTMLElement | undefined {
  const element = document.querySelector(selector);
  return element instanceof HTMLElement ? element : undefined;
}
