import { useDraggable } from "@dnd-kit/core";
import { type FocusEvent, memo, type ReactNode, useState } from "react";
import { AddCard } from "./AddCard";
import { Card, CardPreview } from "./Card";
import { ColumnHeader } from "./ColumnHeader";
import { dragName } from "./drag";
import { Gliding } from "./Gliding";
import { titleOf } from "./records";
import { useCardIds, useColumn, useMoving } from "./use-board";

/** How many cards of a column show below the pointer that moves it. */
const PREVIEWED = 5;

/** A column with its cards. */
export const Column = memo(function Column({ id }: { id: string }): ReactNode {
  const column = useColumn(id);
  const moving = useMoving("column", id);
  const { setNodeRef, setActivatorNodeRef, listeners } = useDraggable({ id: dragName("column", id) });
  if (!column) return null;
  const titleId = `column-${id}`;
  return (
    <li className="column-slot" data-column={id} data-testid="column" data-moving={moving}>
      <section ref={setNodeRef} className="column" aria-labelledby={titleId}>
        <ColumnHeader
          id={id}
          titleId={titleId}
          title={column.title}
          handle={setActivatorNodeRef}
          listeners={listeners}
        />
        <CardList column={id} label={titleOf(column)} />
        <AddCard column={id} title={titleOf(column)} />
      </section>
    </li>
  );
});

/** The cards of a column. One of them at a time can be reached by Tab; arrow keys lead to the others. */
export const CardList = memo(function CardList({
  column,
  label,
}: {
  column: string;
  label: string;
}): ReactNode {
  const ids = useCardIds(column);
  const [current, setCurrent] = useState<string>();
  const tabbable = current !== undefined && ids.includes(current) ? current : ids[0];
  const onFocus = (event: FocusEvent<HTMLElement>) => {
    const card = event.target.closest<HTMLElement>("[data-card]")?.dataset.card;
    if (card !== undefined) setCurrent(card);
  };
  return (
    <Gliding className="cards" label={`Cards in ${label}`} column={column} ids={ids} onFocus={onFocus}>
      {ids.map((id) => (
        <Card key={id} id={id} tabbable={id === tabbable} />
      ))}
    </Gliding>
  );
});

/** A column below the pointer. */
export function ColumnPreview({ id }: { id: string }): ReactNode {
  const column = useColumn(id);
  const ids = useCardIds(id);
  return (
    <div className="column lifted">
      <div className="column-header">
        <span className="title">{titleOf(column)}</span>
        <span className="count">{ids.length}</span>
      </div>
      <div className="cards">
        {ids.slice(0, PREVIEWED).map((card) => (
          <div key={card} className="slot">
            <CardPreview id={card} />
          </div>
        ))}
      </div>
    </div>
  );
}
