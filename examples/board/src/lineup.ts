import type { Room } from "revring";
import { type Card, type Column, cardOf, columnOf, inOrder } from "./records";
import { Signal } from "./signal";

/** Stands for the column of cards whose column is gone. */
export const STRAYS = "";
const NONE: readonly string[] = [];

/**
 * Which columns there are, and which cards stand in each, in order. Typing into a card changes nothing here, and a column
 * whose cards stayed has the same array as before: only what moved is drawn anew.
 */
export class Lineup extends Signal {
  /** In order; the same array until a column changes. */
  columns: readonly Column[] = [];
  private cards = new Map<string, readonly string[]>();
  private readonly stop: readonly (() => void)[];

  constructor(private readonly room: Room) {
    super();
    this.read();
    this.stop = [
      room.subscribe("columns", () => this.update()),
      room.subscribe("cards", ({ records }) => {
        if (!records.every(({ before, after }) => staysInPlace(before, after))) this.update();
      }),
    ];
  }

  /** The ids of a column's cards, in order. */
  cardsIn(column: string): readonly string[] {
    return this.cards.get(column) ?? NONE;
  }

  /** The column that a card stands in; {@link STRAYS} if it has none. */
  columnWith(card: string): string {
    return this.columns.find(({ id }) => this.cardsIn(id).includes(card))?.id ?? STRAYS;
  }

  /** The column with this id. */
  column(id: string): Column | undefined {
    return this.columns.find((column) => column.id === id);
  }

  close(): void {
    for (const stop of this.stop) stop();
  }

  private update(): void {
    this.read();
    this.emit();
  }

  private read(): void {
    const columns = this.room.list("columns").map(columnOf).sort(inOrder);
    if (!same(columns, this.columns)) this.columns = columns;
    const lists = new Map<string, Card[]>(columns.map(({ id }) => [id, []]));
    const strays: Card[] = [];
    lists.set(STRAYS, strays);
    for (const record of this.room.list("cards")) {
      const card = cardOf(record);
      (lists.get(card.column) ?? strays).push(card);
    }
    const before = this.cards;
    this.cards = new Map(Array.from(lists, ([id, cards]) => [id, idsOf(cards, before.get(id))]));
  }
}

type Seen = Parameters<typeof cardOf>[0] | undefined;

function staysInPlace(before: Seen, after: Seen): boolean {
  if (!before || !after) return false;
  const [a, b] = [cardOf(before), cardOf(after)];
  return a.column === b.column && a.order === b.order;
}

function idsOf(cards: Card[], before: readonly string[] = NONE): readonly string[] {
  const ids = cards.sort(inOrder).map(({ id }) => id);
  return same(ids, before) ? before : ids;
}

function same<T>(a: readonly T[], b: readonly T[]): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}
