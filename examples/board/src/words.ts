import { nameOf, titleOf } from "./records";
import type { Session } from "./session";

/** What is being moved, in words. */
export function whatMoves({ drag, lineup, model }: Session): string {
  const { now } = drag;
  if (!now) return "";
  return now.kind === "column"
    ? `Column ${titleOf(lineup.column(now.id))}`
    : `“${nameOf(model.card(now.id))}”`;
}

/** Where what is being moved would fall, in words. */
export function whereTo({ drag, lineup }: Pick<Session, "drag" | "lineup">): string {
  const { index, count } = drag.position();
  const place = `Position ${index + 1} of ${count}`;
  if (drag.now?.kind !== "card") return `${place}.`;
  return `${place} in ${titleOf(lineup.column(drag.now.column))}.`;
}

/** "1 change", "2 changes". */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
}
