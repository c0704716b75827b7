import { type KeyboardEvent, useCallback } from "react";
import { focusCard } from "./focus";
import { useSession } from "./session";

/** What keys do on a card that has the focus: Enter opens it, Delete deletes it, arrows go to the cards around it. */
export function useCardKeys(id: string): (event: KeyboardEvent<HTMLElement>) => void {
  const { editing, model, lineup } = useSession();
  return useCallback(
    (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
      const column = model.card(id)?.column ?? "";
      if (event.key === "Enter" || event.key === "F2") editing.open(id);
      else if (event.key === "Delete") {
        const next = neighbour(lineup.cardsIn(column), id);
        model.deleteCard(id);
        focusCard(next, column);
      } else {
        const target = targetOf(event.key, id, column, lineup);
        if (target === undefined) return;
        focusCard(target);
      }
      event.preventDefault();
    },
    [id, editing, model, lineup],
  );
}

/** The card that is nearest to `id` in its column: the one behind it, or, if it is the last, the one before. */
export function neighbour(ids: readonly string[], id: string): string | undefined {
  const index = ids.indexOf(id);
  return ids[index + 1] ?? ids[index - 1];
}

function targetOf(key: string, id: string, column: string, lineup: ReturnType<typeof useSession>["lineup"]) {
  const ids = lineup.cardsIn(column);
  const index = ids.indexOf(id);
  if (key === "ArrowDown") return ids[index + 1];
  if (key === "ArrowUp") return ids[index - 1];
  if (key === "Home") return ids[0];
  if (key === "End") return ids.at(-1);
  if (key !== "ArrowLeft" && key !== "ArrowRight") return undefined;
  const lists = lineup.columns.map((other) => lineup.cardsIn(other.id));
  const from = lineup.columns.findIndex((other) => other.id === column);
  const around = key === "ArrowLeft" ? lists.slice(0, Math.max(from, 0)).reverse() : lists.slice(from + 1);
  const next = around.find((cards) => cards.length > 0);
  return next?.[Math.min(index, next.length - 1)];
}
