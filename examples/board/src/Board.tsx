import { type ReactNode, useEffect, useRef } from "react";
import { AddColumn } from "./AddColumn";
import { CardList, Column } from "./Column";
import { Cursors } from "./Cursors";
import { Dragging } from "./Dragging";
import { Empty, Waiting } from "./Empty";
import { STRAYS } from "./lineup";
import { followPointer } from "./pointer";
import { useSession } from "./session";
import { useSignal } from "./signal";
import { useCardIds, useColumnIds } from "./use-board";

/** The columns side by side, and the others' pointers above them. */
export function Board({ ready }: { ready: boolean }): ReactNode {
  const { presence, drag } = useSession();
  const ids = useColumnIds();
  const strays = useCardIds(STRAYS);
  const dragging = useSignal(drag, () => drag.now !== undefined);
  const board = useRef<HTMLElement>(null);
  useEffect(() => {
    if (board.current) return followPointer(board.current, presence);
  }, [presence]);
  const empty = ids.length === 0 && strays.length === 0;
  return (
    <main
      ref={board}
      className="board"
      aria-label="Board"
      data-dragging={dragging || undefined}
      data-testid="board"
    >
      <Dragging>
        <div className="scroller" data-scroller>
          <ul className="columns" aria-label="Columns" data-columns>
            {ids.map((id) => (
              <Column key={id} id={id} />
            ))}
            {strays.length > 0 && <Strays />}
          </ul>
          {ready && !empty && <AddColumn />}
        </div>
      </Dragging>
      {empty && (ready ? <Empty /> : <Waiting />)}
      <Cursors />
      <Help />
    </main>
  );
}

/** Cards whose column somebody deleted while they were added or moved there. */
function Strays(): ReactNode {
  return (
    <li className="column-slot" data-testid="strays">
      <section className="column" aria-labelledby="strays-title">
        <div className="column-header">
          <h2 id="strays-title" className="title">
            Without a column
          </h2>
        </div>
        <CardList column={STRAYS} label="no column" />
        <p className="note">Their column was deleted. Move them to where they belong.</p>
      </section>
    </li>
  );
}

/** What screen readers say of cards and columns, once for all of them. */
function Help(): ReactNode {
  return (
    <div hidden>
      <p id="card-help">
        Enter opens the card for writing, space picks it up to move it with the arrow keys, delete deletes it.
        Arrow keys go to other cards.
      </p>
      <p id="text-help">Escape ends writing.</p>
      <p id="column-help">
        Space picks the column up; arrow keys move it, space drops it, escape puts it back.
      </p>
    </div>
  );
}
