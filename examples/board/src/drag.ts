import { type Lineup, STRAYS } from "./lineup";
import { type Between, indexOf, placeAt } from "./places";
import { Signal, Signals } from "./signal";

/** What can be moved. */
export type Kind = "card" | "column";

/** A card or column on its way. */
export interface Moving {
  readonly kind: Kind;
  readonly id: string;
  readonly by: "pointer" | "keyboard";
  /** Of a card: the column it would fall into. */
  readonly column: string;
  /** Between which of the others it would fall. */
  readonly place: Between;
}

/** The name of a card or column for the drag and drop library: ids of two collections may be the same. */
export function dragName(kind: Kind, id: string): string {
  return `${kind}:${id}`;
}

/** What has this name. */
export function draggedBy(name: string): [kind: Kind, id: string] {
  return name.startsWith("column:") ? ["column", name.slice(7)] : ["card", name.slice(5)];
}

/** What is being moved, and where it would fall: shown to its mover alone until it is let go. */
export class Drag extends Signal {
  now: Moving | undefined;
  /** For the cards and columns themselves, by {@link dragName}. */
  readonly each = new Signals();

  constructor(private readonly lineup: Lineup) {
    super();
    lineup.subscribe(() => {
      const { now } = this;
      if (now?.kind !== "card" || now.column === STRAYS || lineup.column(now.column)) return;
      // Somebody deleted the column it was to fall into.
      const home = lineup.columnWith(now.id);
      this.aim(home, lineup.cardsIn(home).indexOf(now.id));
    });
  }

  /** Takes up a card of `column`, or a column. */
  start(kind: Kind, id: string, column: string, by: Moving["by"]): void {
    const ids = this.idsOf(kind, column);
    const index = ids.indexOf(id);
    this.now = { kind, id, by, column, place: placeAt(without(ids, id), index) };
    this.each.emit(dragName(kind, id));
    this.emit();
  }

  /** It would now fall at `index` of `column` (of the others there). */
  aim(column: string, index: number): void {
    const { now } = this;
    if (!now) return;
    const rest = without(this.idsOf(now.kind, column), now.id);
    if (now.column === column && indexOf(rest, now.place) === index) return;
    this.now = { ...now, column, place: placeAt(rest, index) };
    this.emit();
  }

  /** Lets go: gives what was moved and where to. */
  end(): Moving | undefined {
    const { now } = this;
    this.now = undefined;
    if (now) this.each.emit(dragName(now.kind, now.id));
    this.emit();
    return now;
  }

  /** Where it would fall: how many stand before it there, and how many there are with it. */
  position(): { index: number; count: number } {
    const { now } = this;
    if (!now) return { index: 0, count: 0 };
    const rest = without(this.idsOf(now.kind, now.column), now.id);
    return { index: indexOf(rest, now.place), count: rest.length + 1 };
  }

  private idsOf(kind: Kind, column: string): readonly string[] {
    return kind === "column" ? this.lineup.columns.map(({ id }) => id) : this.lineup.cardsIn(column);
  }
}

/** The cards of a column as its mover sees them. */
export function cardsShown(
  ids: readonly string[],
  column: string,
  moving: Moving | undefined,
): readonly string[] {
  if (moving?.kind !== "card") return ids;
  if (moving.column === column) return inserted(ids, moving);
  return ids.includes(moving.id) ? without(ids, moving.id) : ids;
}

/** The columns as their mover sees them. */
export function columnsShown(ids: readonly string[], moving: Moving | undefined): readonly string[] {
  return moving?.kind === "column" ? inserted(ids, moving) : ids;
}

function inserted(ids: readonly string[], { id, place }: Moving): readonly string[] {
  const rest = without(ids, id);
  return rest.toSpliced(indexOf(rest, place), 0, id);
}

function without(ids: readonly string[], id: string): readonly string[] {
  return ids.filter((other) => other !== id);
}
