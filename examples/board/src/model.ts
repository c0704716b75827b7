import type { Change, Rec, Room, Transaction } from "revring";
import { newId } from "./id";
import type { Lineup } from "./lineup";
import { type Between, indexOf, keysFor, row } from "./places";
import { type Card, cardOf, nameOf, titleOf } from "./records";
import type { Reporter } from "./report";

/** Changes of one update: well below what a server takes. */
const CHANGES = 100;

/** All that can be changed on a board. Nothing waits: each change shows at once, and the reporter tells if it failed. */
export class Model {
  constructor(
    private readonly room: Room,
    private readonly lineup: Lineup,
    private readonly report: Reporter,
  ) {}

  /** A card as it stands now. */
  card(id: string): Card | undefined {
    const record = this.room.get("cards", id);
    return record && cardOf(record);
  }

  /** Adds a column at the end; gives its id. */
  addColumn(title: string): string {
    const id = newId();
    const { own, others } = keysFor(this.lineup.columns, this.lineup.columns.length);
    this.room.group(() => {
      this.reorder("columns", others);
      this.attempt(() => this.room.put("columns", id, { title, order: own }));
    });
    return id;
  }

  /**
   * The first columns of an empty board, and cards in the first of them. The ids are fixed and must be new, so two people
   * who start a board at once start it once.
   */
  start(titles: Readonly<Record<string, string>>, cards: readonly string[] = []): void {
    const [columns, orders] = [Object.entries(titles), row(Object.keys(titles).length)];
    const first = columns[0]?.[0] ?? "";
    const places = row(cards.length);
    const columnChanges = columns.map(([id, title], i) => {
      const data = { title, order: orders[i] ?? "" };
      return { op: "put", collection: "columns", id, ifVersion: 0, data } as const;
    });
    const cardChanges = cards.map((text, i) => {
      const data = { column: first, order: places[i] ?? "", text };
      return { op: "put", collection: "cards", id: `${first}-${i + 1}`, ifVersion: 0, data } as const;
    });
    // Someone else may have been faster: the columns are there then.
    this.quietly([...columnChanges, ...cardChanges]);
  }

  /** Gives a column another title. */
  renameColumn(id: string, title: string): void {
    this.attempt(() => this.room.set("columns", id, "/title", title));
  }

  /** Moves a column between two others. */
  moveColumn(id: string, place: Between): void {
    const rest = this.lineup.columns.filter((column) => column.id !== id);
    const ids = rest.map((column) => column.id);
    const index = indexOf(ids, place);
    if (this.lineup.columns[index]?.id === id) return;
    const { own, others } = keysFor(rest, index);
    this.room.group(() => {
      this.reorder("columns", others);
      this.attempt(() => this.room.set("columns", id, "/order", own));
    });
  }

  /** Deletes a column with its cards, and offers to take that back. */
  deleteColumn(id: string): void {
    const title = titleOf(this.lineup.column(id));
    const cards = this.lineup.cardsIn(id).map((card) => this.room.get("cards", card));
    this.remove([...cards, this.room.get("columns", id)], `Deleted column “${title}”`);
  }

  /** Adds a card at the end of a column; gives its id. */
  addCard(column: string, text: string): string {
    const id = newId();
    this.place(id, column, this.lineup.cardsIn(column).length, (order) => {
      this.room.put("cards", id, { column, order, text });
    });
    return id;
  }

  /** Moves a card to a column, between two others. */
  moveCard(id: string, column: string, place: Between): void {
    const rest = this.lineup.cardsIn(column).filter((card) => card !== id);
    const index = indexOf(rest, place);
    if (this.lineup.cardsIn(column)[index] === id) return;
    this.place(id, column, index, (order) => this.room.merge("cards", id, { column, order }));
  }

  /** Labels a card; "" takes the label off. */
  paintCard(id: string, colour: string): void {
    this.attempt(() => this.room.merge("cards", id, { colour: colour || null }));
  }

  /** Deletes a card, and offers to take that back. */
  deleteCard(id: string): void {
    this.remove([this.room.get("cards", id)], `Deleted “${nameOf(this.card(id))}”`);
  }

  /** Puts records back that are gone. */
  restore(records: readonly Rec[]): void {
    this.inParts(records, (tx, { collection, id, data }) => {
      if (!tx.get(collection, id)) tx.put(collection, id, data);
    });
  }

  /** Takes back the latest own change that stands. */
  undo(): void {
    this.attempt(() => this.room.undo());
  }

  /** Does again what was taken back last. */
  redo(): void {
    this.attempt(() => this.room.redo());
  }

  /** Makes `change` with the sort key for place `index` of a column, the card itself not counted. */
  private place(id: string, column: string, index: number, change: (order: string) => void): void {
    const cards = this.lineup.cardsIn(column).filter((card) => card !== id);
    const list = cards.map((card) => this.card(card)).filter((card) => card !== undefined);
    const { own, others } = keysFor(list, index);
    this.room.group(() => {
      this.reorder("cards", others);
      this.attempt(() => change(own));
    });
  }

  /** Gives records other sort keys. An update of its own: should one of them be gone, only this fails. */
  private reorder(collection: string, keys: ReadonlyMap<string, string>): void {
    for (const part of chunks([...keys])) {
      const changes = part.map(
        ([id, value]) => ({ op: "set", collection, id, path: "/order", value }) as const,
      );
      this.quietly(changes);
    }
  }

  /** Makes an update that others may have made needless. */
  private quietly(changes: readonly Change[]): void {
    const id = newId();
    this.report.expect(id);
    this.attempt(() => this.room.update(changes, { id }));
  }

  private remove(some: readonly (Rec | undefined)[], text: string): void {
    const records = some.filter((record) => record !== undefined);
    this.inParts(records, (tx, { collection, id }) => tx.delete(collection, id));
    this.report.offer(text, { label: "Undo", run: () => this.restore(records) });
  }

  /** Does something with many records: in several updates if need be, but as one step for undo. */
  private inParts(records: readonly Rec[], change: (tx: Transaction, record: Rec) => void): void {
    this.room.group(() => {
      for (const part of chunks(records)) {
        this.attempt(() => this.room.transaction((tx) => part.forEach((record) => void change(tx, record))));
      }
    });
  }

  /** Makes a change; if it cannot be made, that is told. What becomes of it is told by the reporter. */
  attempt(change: () => unknown): void {
    try {
      change();
    } catch (error) {
      this.report.refused(error);
    }
  }
}

function chunks<T>(list: readonly T[]): T[][] {
  const parts: T[][] = [];
  for (let i = 0; i < list.length; i += CHANGES) parts.push(list.slice(i, i + CHANGES));
  return parts;
}
