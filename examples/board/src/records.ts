import type { Rec } from "revring";

/** A column of the board, as its record in `columns` says. */
export interface Column {
  readonly id: string;
  readonly title: string;
  readonly order: string;
}

/** A card, as its record in `cards` says. */
export interface Card {
  readonly id: string;
  /** The id of its column; it may be gone. */
  readonly column: string;
  readonly order: string;
  readonly text: string;
  readonly colour: string;
}

/** The labels a card may have. */
export const COLOURS = ["red", "amber", "green", "blue", "violet"] as const;

const columns = new WeakMap<Rec, Column>();
const cards = new WeakMap<Rec, Card>();

/** Reads a record of `columns`: the same object for the same record, whatever others have written into it. */
export function columnOf(record: Rec): Column {
  return remembered(columns, record, ({ id, data }) => ({
    id,
    title: textOf(data.title),
    order: textOf(data.order),
  }));
}

/** Reads a record of `cards`, as {@link columnOf}. */
export function cardOf(record: Rec): Card {
  return remembered(cards, record, ({ id, data }) => ({
    id,
    column: textOf(data.column),
    order: textOf(data.order),
    text: textOf(data.text),
    colour: COLOURS.find((colour) => colour === data.colour) ?? "",
  }));
}

/** A column's title for people. */
export function titleOf(column: Column | undefined): string {
  return column?.title.trim() || "Untitled";
}

/** A card's first words, to speak of it. */
export function nameOf(card: Pick<Card, "text"> | undefined): string {
  const line = card?.text.trim().split("\n", 1)[0] ?? "";
  if (line === "") return "Empty card";
  return line.length > 40 ? `${line.slice(0, 39).trimEnd()}…` : line;
}

/** By sort key, then by id: the same for everyone. */
export function inOrder(a: { order: string; id: string }, b: { order: string; id: string }): number {
  if (a.order !== b.order) return a.order < b.order ? -1 : 1;
  return a.id < b.id ? -1 : 1;
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function remembered<T>(known: WeakMap<Rec, T>, record: Rec, read: (record: Rec) => T): T {
  let value = known.get(record);
  if (!value) {
    value = read(record);
    known.set(record, value);
  }
  return value;
}
