import type { ObjectValue, Room, Status, Value } from "revring";
import { PERSON_COLOURS, shortName } from "./me";
import { Signal, Signals } from "./signal";

/** Where someone's pointer is: in a card, a column or on the board, so that it points at the same thing on every screen. */
export interface Pointer {
  readonly in: "card" | "column" | "board";
  readonly id: string;
  /** Share of the width, in a card or column; pixels on the board. */
  readonly x: number;
  /** Share of the height in a card; pixels from the top in a column and on the board. */
  readonly y: number;
}

/** Where in a card's text someone writes, in UTF-16 units. */
export interface Caret {
  readonly card: string;
  readonly from: number;
  readonly to: number;
}

/** Somebody else who is here. */
export interface Person {
  readonly client: string;
  /** The same in all windows of one browser. */
  readonly person: string;
  readonly name: string;
  readonly colour: number;
  readonly pointer: Pointer | undefined;
  readonly caret: Caret | undefined;
  /** The card or column that is being moved. */
  readonly holding: string | undefined;
}

/** How long the others stay when the connection is lost, in milliseconds. */
const LEAVE_MS = 3_000;
const NOBODY: readonly Person[] = [];

/** The others, as their presence says; what they say is checked, for anyone can say anything. */
export class People extends Signal {
  /** By name; the same array until someone comes, goes, or turns to another card. */
  list: readonly Person[] = NOBODY;
  /** Everyone, as of now. */
  now: readonly Person[] = NOBODY;
  /** After every movement. */
  readonly moved = new Signal();
  /** After a card's people changed. */
  readonly cards = new Signals();
  private atCards = new Map<string, readonly Person[]>();
  private readonly known = new WeakMap<ObjectValue, Person>();
  private readonly stop: readonly (() => void)[];
  /** Runs while there is no connection. */
  private leaving: ReturnType<typeof setTimeout> | undefined;
  /** Nothing is known of the others any more. */
  private alone = false;

  constructor(private readonly room: Room) {
    super();
    this.stop = [
      room.presence.subscribe(() => this.update()),
      room.onStatus((status) => this.follow(status)),
    ];
    this.update();
  }

  /** Who writes in a card or moves it; the same array until one of them does something else. */
  at(card: string): readonly Person[] {
    return this.atCards.get(card) ?? NOBODY;
  }

  close(): void {
    clearTimeout(this.leaving);
    for (const stop of this.stop) stop();
  }

  /** Without a connection the others go after a while: who knows where they are. */
  private follow({ state }: Status): void {
    if (state === "live") {
      clearTimeout(this.leaving);
      this.leaving = undefined;
      this.leave(false);
    } else this.leaving ??= setTimeout(() => this.leave(true), LEAVE_MS);
  }

  private leave(alone: boolean): void {
    if (this.alone === alone) return;
    this.alone = alone;
    this.update();
  }

  private update(): void {
    const others = this.alone ? [] : this.room.presence.others;
    this.now = Array.from(others, ([client, data]) => this.read(client, data));
    const list = this.now.toSorted((a, b) =>
      a.name < b.name || (a.name === b.name && a.client < b.client) ? -1 : 1,
    );
    if (!sameDoing(list, this.list)) this.list = list;
    const before = this.atCards;
    this.atCards = groupByCard(this.now, before);
    for (const card of new Set([...before.keys(), ...this.atCards.keys()])) {
      if (before.get(card) !== this.atCards.get(card)) this.cards.emit(card);
    }
    this.emit();
    this.moved.emit();
  }

  private read(client: string, data: ObjectValue): Person {
    let person = this.known.get(data);
    if (!person) {
      person = {
        client,
        person: textOf(data.person),
        name: shortName(textOf(data.name)) || "Somebody",
        colour: Math.abs(Math.trunc(numberOf(data.colour))) % PERSON_COLOURS,
        pointer: pointerOf(data.pointer),
        caret: caretOf(data.caret),
        holding: textOf(data.holding) || undefined,
      };
      this.known.set(data, person);
    }
    return person;
  }
}

/** What someone is busy with: the card. */
export function cardAt(person: Person): string | undefined {
  return person.caret?.card ?? person.holding;
}

function groupByCard(people: readonly Person[], before: ReadonlyMap<string, readonly Person[]>) {
  const groups = new Map<string, Person[]>();
  for (const person of people) {
    const card = cardAt(person);
    if (card === undefined) continue;
    const group = groups.get(card);
    if (group) group.push(person);
    else groups.set(card, [person]);
  }
  const cards = new Map<string, readonly Person[]>();
  for (const [card, group] of groups) {
    const old = before.get(card);
    cards.set(card, old && same(old, group, sameAtCard) ? old : group);
  }
  return cards;
}

function sameDoing(a: readonly Person[], b: readonly Person[]): boolean {
  return same(a, b, (x, y) => sameLook(x, y) && x.person === y.person && cardAt(x) === cardAt(y));
}

function sameAtCard(a: Person, b: Person): boolean {
  const [x, y] = [a.caret, b.caret];
  return (
    sameLook(a, b) && a.holding === b.holding && x?.card === y?.card && x?.from === y?.from && x?.to === y?.to
  );
}

function sameLook(a: Person, b: Person): boolean {
  return a.client === b.client && a.name === b.name && a.colour === b.colour;
}

function same<T>(a: readonly T[], b: readonly T[], equal: (a: T, b: T) => boolean): boolean {
  return a.length === b.length && a.every((value, i) => i in b && equal(value, b[i] ?? value));
}

function pointerOf(value: Value | undefined): Pointer | undefined {
  if (!isObject(value)) return undefined;
  const kind = value.in;
  if (kind !== "card" && kind !== "column" && kind !== "board") return undefined;
  return { in: kind, id: textOf(value.id), x: numberOf(value.x), y: numberOf(value.y) };
}

function caretOf(value: Value | undefined): Caret | undefined {
  if (!isObject(value) || typeof value.card !== "string") return undefined;
  const from = Math.max(0, Math.trunc(numberOf(value.from)));
  return { card: value.card, from, to: Math.max(from, Math.trunc(numberOf(value.to))) };
}

function isObject(value: Value | undefined): value is ObjectValue {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function textOf(value: Value | undefined): string {
  return typeof value === "string" ? value : "";
}

function numberOf(value: Value | undefined): number {
  return typeof value === "number" ? value : 0;
}
