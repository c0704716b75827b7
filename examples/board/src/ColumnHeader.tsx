import type { DraggableSyntheticListeners } from "@dnd-kit/core";
import { memo, type ReactNode, useState } from "react";
import { focusColumn } from "./focus";
import { Icon } from "./icons";
import { Menu, type MenuGroup } from "./Menu";
import { placeAt } from "./places";
import { titleOf } from "./records";
import { type Session, useSession } from "./session";
import { TitleField } from "./TitleField";
import { useCardIds } from "./use-board";
import { counted } from "./words";

interface Props {
  id: string;
  titleId: string;
  title: string;
  handle: (element: HTMLElement | null) => void;
  listeners: DraggableSyntheticListeners;
}

/** A column's title, how many cards it has, and what can be done with it. The whole header can be dragged. */
export const ColumnHeader = memo(function ColumnHeader({
  id,
  titleId,
  title,
  handle,
  listeners,
}: Props): ReactNode {
  const session = useSession();
  const [renaming, setRenaming] = useState(false);
  const shown = titleOf({ id, title, order: "" });
  const { onKeyDown, ...pointer } = listeners ?? {};
  const rename = (typed: string | undefined) => {
    setRenaming(false);
    if (typed !== undefined && typed !== title) session.model.renameColumn(id, typed);
    focusColumn(id);
  };
  return (
    <div className="column-header" {...(renaming ? {} : pointer)}>
      <button
        ref={handle}
        type="button"
        className="icon-button grip"
        aria-label={`Move column ${shown}`}
        aria-describedby="column-help"
        data-testid="column-grip"
        onKeyDown={(event) => onKeyDown?.(event)}
      >
        <Icon name="grip" />
      </button>
      <h2 id={titleId} aria-label={shown}>
        {renaming ? (
          <TitleField label="Title of the column" value={title} done={rename} />
        ) : (
          <button type="button" className="title" title="Rename" onClick={() => setRenaming(true)}>
            {shown}
          </button>
        )}
      </h2>
      <Count column={id} />
      <Menu
        label={`Actions for column ${shown}`}
        icon="more"
        testId="column-menu"
        groups={() => groupsFor(id, () => setRenaming(true), session)}
      />
    </div>
  );
});

function Count({ column }: { column: string }): ReactNode {
  const count = useCardIds(column).length;
  return (
    <span className="count">
      {count}
      <span className="hidden"> {count === 1 ? "card" : "cards"}</span>
    </span>
  );
}

function groupsFor(id: string, rename: () => void, { model, lineup, announcer }: Session): MenuGroup[] {
  const ids = lineup.columns.map((column) => column.id);
  const rest = ids.filter((other) => other !== id);
  const index = ids.indexOf(id);
  const move = (to: number, words: string) => () => {
    model.moveColumn(id, placeAt(rest, to));
    announcer.say(`Moved ${words}.`);
    focusColumn(id);
  };
  const cards = lineup.cardsIn(id).length;
  const label = cards === 0 ? "Delete column" : `Delete column and ${counted(cards, "card")}`;
  return [
    { items: [{ label: "Rename", run: rename }] },
    {
      items: [
        ...(index > 0 ? [{ label: "Move left", run: move(index - 1, "left") }] : []),
        ...(index < rest.length ? [{ label: "Move right", run: move(index + 1, "right") }] : []),
      ],
    },
    { items: [{ label, danger: true, run: () => model.deleteColumn(id) }] },
  ].filter(({ items }) => items.length > 0);
}
