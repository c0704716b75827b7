import type { Drag } from "./drag";
import type { Lineup } from "./lineup";

/** Where an arrow key takes what is being moved; undefined: nowhere. */
export function stepTo(
  code: string,
  drag: Drag,
  lineup: Lineup,
): { column: string; index: number } | undefined {
  const { now } = drag;
  const [across, along] = [
    directionOf(code, "ArrowLeft", "ArrowRight"),
    directionOf(code, "ArrowUp", "ArrowDown"),
  ];
  if (!now || across + along === 0) return undefined;
  const { index, count } = drag.position();
  if (now.kind === "column") return { column: "", index: within(index + across + along, count - 1) };
  if (across === 0) return { column: now.column, index: within(index + along, count - 1) };
  const columns = lineup.columns.map(({ id }) => id);
  const column = columns[within(columns.indexOf(now.column) + across, columns.length - 1)] ?? now.column;
  if (column === now.column) return { column, index };
  const others = lineup.cardsIn(column).filter((id) => id !== now.id);
  return { column, index: within(index, others.length) };
}

function directionOf(code: string, back: string, forth: string): number {
  return Number(code === forth) - Number(code === back);
}

function within(index: number, last: number): number {
  return Math.min(Math.max(index, 0), last);
}
