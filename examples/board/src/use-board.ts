import { useMemo } from "react";
import { useRecord } from "revring/react";
import { cardsShown, columnsShown, dragName, type Kind, type Moving } from "./drag";
import type { Person } from "./people";
import { type Card, type Column, cardOf } from "./records";
import { useSession } from "./session";
import { useSignal, useSignalOf } from "./signal";

/** The columns' ids as they are shown: while one is dragged, it stands where it would fall. */
export function useColumnIds(): readonly string[] {
  const { lineup, drag } = useSession();
  const columns = useSignal(lineup, () => lineup.columns);
  const moving = useSignal(drag, () => (drag.now?.kind === "column" ? drag.now : undefined));
  const ids = useMemo(() => columns.map(({ id }) => id), [columns]);
  return useMemo(() => columnsShown(ids, moving), [ids, moving]);
}

/** A column by its id. */
export function useColumn(id: string): Column | undefined {
  const { lineup } = useSession();
  return useSignal(lineup, () => lineup.column(id));
}

/** The ids of a column's cards as they are shown: while one is dragged, it stands where it would fall. */
export function useCardIds(column: string): readonly string[] {
  const { lineup, drag } = useSession();
  const ids = useSignal(lineup, () => lineup.cardsIn(column));
  const moving = useSignal(drag, () => concerning(column, ids, drag.now));
  return useMemo(() => cardsShown(ids, column, moving), [ids, column, moving]);
}

/** A card by its id; another object only when its record changed. */
export function useCard(id: string): Card | undefined {
  const { room } = useSession();
  const record = useRecord(room, "cards", id);
  return record && cardOf(record);
}

/** Who writes in a card, or moves it. */
export function usePeopleAt(card: string): readonly Person[] {
  const { people } = useSession();
  return useSignalOf(people.cards, card, () => people.at(card));
}

/** Whether a card is open for writing. */
export function useIsEditing(card: string): boolean {
  const { editing } = useSession();
  return useSignalOf(editing, card, () => editing.card === card);
}

/** By what a card or column is being moved here, if it is. */
export function useMoving(kind: Kind, id: string): Moving["by"] | undefined {
  const { drag } = useSession();
  return useSignalOf(drag.each, dragName(kind, id), () =>
    drag.now?.kind === kind && drag.now.id === id ? drag.now.by : undefined,
  );
}

function concerning(column: string, ids: readonly string[], moving: Moving | undefined): Moving | undefined {
  return moving && (moving.column === column || ids.includes(moving.id)) ? moving : undefined;
}
