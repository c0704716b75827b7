/** Where on the screen a dragged thing would fall: measured when asked, as columns scroll and others move cards meanwhile. */

/** The column list, card lists and cards are found by these attributes. */
const COLUMNS = "[data-columns]";

interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** The column and the index, among its other cards, at which a card that is shown at `box` would fall. */
export function aimCard(id: string, box: Box): { column: string; index: number } | undefined {
  const middle = box.left + box.width / 2;
  const columns = elements(document.querySelectorAll("[data-cards]"));
  const column = nearest(columns, middle);
  if (!column) return undefined;
  const cards = elements(column.children).filter((card) => card.dataset.card !== id);
  const height = box.top + box.height / 2;
  const index = firstFrom(
    cards,
    (card) => card.getBoundingClientRect(),
    ({ top, height: h }) => top + h / 2 > height,
  );
  return { column: column.dataset.cards ?? "", index };
}

/** The index, among the other columns, at which a column that is shown at `box` would fall. */
export function aimColumn(id: string, box: Box): number {
  const list = document.querySelector(COLUMNS);
  const columns = elements(list?.children ?? []).filter(
    ({ dataset }) => dataset.column && dataset.column !== id,
  );
  const middle = box.left + box.width / 2;
  return firstFrom(
    columns,
    (column) => column.getBoundingClientRect(),
    ({ left, width }) => left + width / 2 > middle,
  );
}

/** The first of `list`, ordered on the screen, that lies behind; by halving, for lists are long. */
function firstFrom<T>(list: readonly T[], boxOf: (item: T) => Box, behind: (box: Box) => boolean): number {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const item = list[middle];
    if (item === undefined || behind(boxOf(item))) high = middle;
    else low = middle + 1;
  }
  return low;
}

function nearest(columns: readonly HTMLElement[], x: number): HTMLElement | undefined {
  let best: HTMLElement | undefined;
  let distance = Number.POSITIVE_INFINITY;
  for (const column of columns) {
    const { left, right } = column.getBoundingClientRect();
    const away = Math.max(left - x, x - right, 0);
    if (away < distance) [best, distance] = [column, away];
  }
  return best;
}

function elements(list: Iterable<Element>): HTMLElement[] {
  return Array.from(list).filter((element) => element instanceof HTMLElement);
}
