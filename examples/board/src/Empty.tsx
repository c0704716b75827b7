import type { ReactNode } from "react";
import { focusColumn } from "./focus";
import { useSession } from "./session";

const COLUMNS = { "to-do": "To do", doing: "Doing", done: "Done" };
const EXAMPLES = [
  "Open this board in a second window, and type into this card from both",
  "Drag me to another column. Without a mouse: Space, then the arrow keys",
  "Go offline, change something, come back: nothing is lost",
];

/** A board that is not here yet. */
export function Waiting(): ReactNode {
  return (
    <div className="empty-board waiting">
      <p>The board shows here as soon as it is loaded.</p>
    </div>
  );
}

/** An empty board, and how to begin. */
export function Empty(): ReactNode {
  const { model } = useSession();
  const start = (cards: readonly string[]) => {
    model.start(COLUMNS, cards);
    focusColumn("to-do");
  };
  return (
    <section className="empty-board" aria-labelledby="empty-title">
      <h2 id="empty-title">An empty board</h2>
      <p>
        Everyone who opens this page sees the same board, and everything that happens on it as it happens.
      </p>
      <div className="empty-buttons">
        <button type="button" className="primary" data-testid="start" onClick={() => start([])}>
          Start with three columns
        </button>
        <button
          type="button"
          className="secondary"
          data-testid="start-example"
          onClick={() => start(EXAMPLES)}
        >
          Start with an example
        </button>
      </div>
    </section>
  );
}
