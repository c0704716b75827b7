/** One client of a world: its replica, its connection, what is stored of it, and what it was told. */

import { expect } from "vitest";
import { type Document, type Key, keyOf } from "../../src/document.js";
import { find } from "../../src/path.js";
import { foreign } from "../../src/replica/foreign.js";
import { type OnGap, type Outcome, Replica, UpdateError } from "../../src/replica/index.js";
import { restore, type SavedReplica, save } from "../../src/replica/save.js";
import { applySplice, type Extent } from "../../src/splice.js";
import type { ObjectValue, Rec, ServerMessage, Value } from "../../src/types.js";
import { equal } from "../../src/value.js";
import { check, shows } from "../support/check.js";
import type { MiniRoom } from "../support/miniroom.js";
import { Link } from "./link.js";
import { changeOf, type Make } from "./make.js";
import { copy } from "./peer.js";

export class Client {
  readonly id: string;
  replica: Replica;
  link: Link | undefined;
  rateLimited = false;
  private readonly made = new Set<string>();
  private readonly ended = new Map<string, Outcome>();
  /** Updates that a crash took before they were stored. */
  private readonly lost = new Set<string>();
  /** Updates of which the view may guess wrong: with a condition, or unanswered when the connection began. */
  private readonly unsure = new Set<string>();
  private stored: SavedReplica | undefined;
  /** The records of the view as the replica has told of them. */
  private told = new Map<Key, Rec>();

  constructor(
    index: number,
    private readonly onGap: OnGap,
  ) {
    this.id = `client-${index}`;
    this.replica = this.begin();
  }

  private begin(saved?: SavedReplica): Replica {
    const { id, onGap } = this;
    const replica = new Replica({ room: "r", clientKey: id, onGap });
    if (saved) restore(replica, saved);
    check(replica);
    this.told = new Map();
    return replica;
  }

  update(makes: readonly Make[]): void {
    const id = `u${this.made.size}`;
    const changes = makes.flatMap((make) => changeOf(make, this.replica.view) ?? []);
    try {
      this.replica.update(id, changes);
    } catch (error) {
      if (error instanceof UpdateError) return;
      throw error;
    }
    this.made.add(id);
    if (changes.some((change) => change.ifVersion !== undefined)) this.unsure.add(id);
  }

  connect(): void {
    if (this.link) return;
    this.link = new Link();
    this.replica.connected();
    check(this.replica);
  }

  disconnect(): void {
    if (!this.link) return;
    this.link = undefined;
    this.replica.disconnected();
    this.takeEvents();
  }

  /** Stores the replica. */
  save(): void {
    this.takeEvents();
    this.stored = copy({ pending: save(this.replica), records: [...this.replica.confirmed.records()] });
  }

  /** The page ends without a word; another goes on from what was stored last. */
  crash(): void {
    if (!this.stored) return;
    this.takeEvents();
    const before = this.replica.pending();
    this.link = undefined;
    this.replica = this.begin(copy(this.stored));
    const { queue } = this.stored.pending;
    const ids = new Set(queue.flatMap(({ id, aliases }) => [id, ...aliases]));
    for (const id of before) if (!ids.has(id)) this.lost.add(id);
    for (const { id, aliases, answered } of queue) {
      for (const each of [id, ...aliases]) {
        this.unsure.add(each);
        // What the page that crashed was told is told again, unless it was stored.
        if (answered === undefined) this.ended.delete(each);
      }
    }
  }

  send(now: number): void {
    const { link } = this;
    if (!link) return;
    for (let next = this.replica.pollMessage(now); next; next = this.replica.pollMessage(now)) {
      link.send(next);
      check(this.replica);
    }
  }

  read(most: number, now: number): void {
    for (let n = 0; n < most; n++) {
      const text = this.link?.down.shift();
      if (text === undefined) return;
      this.handle(JSON.parse(text), now);
    }
  }

  private handle(message: ServerMessage, now: number): void {
    const { replica } = this;
    const before = this.foresees(message) ? dataOf(replica.view) : undefined;
    if (message.type === "JOINED") for (const id of replica.pending()) this.unsure.add(id);
    const moved = new Foreign(replica);
    replica.handle(message, now);
    moved.check(message);
    this.takeEvents();
    if (before) expect(dataOf(replica.view), "the view showed what became of it (rule K-3)").toEqual(before);
  }

  /** Whether `message` brings one operation, the first of the pending updates, which shows and is certain. */
  private foresees(message: ServerMessage): boolean {
    const { replica, id } = this;
    if (message.type !== "SYNC.DELTAS" || replica.status() !== "live") return false;
    const [operation, another] = message.ops;
    const pending = replica.pending();
    return (
      operation?.clientId === id &&
      !another &&
      message.fromRev === replica.confirmedRev &&
      pending[0] === operation.clientReqId &&
      shows(replica, operation.clientReqId) &&
      !pending.some((each) => this.unsure.has(each))
    );
  }

  takeEvents(): void {
    const { replica, ended, told } = this;
    check(replica);
    for (let event = replica.pollEvent(); event; event = replica.pollEvent()) {
      if (event.type === "resolved") {
        expect(this.made, `${event.id} was made`).toContain(event.id);
        expect(ended.get(event.id), `${event.id} ends once`).toBeUndefined();
        ended.set(event.id, event.outcome);
      } else if (event.type === "changed") {
        expect(event.before.size).toBeGreaterThan(0);
        for (const key of event.before.keys()) this.see(key, told.get(key), replica.view.get(key));
      }
    }
    expect(told, "every change of the view was told").toEqual(recordsOf(replica.view));
    for (const [key, record] of told) expect(replica.view.get(key)).toBe(record);
  }

  private see(key: Key, before: Rec | undefined, now: Rec | undefined): void {
    if (before && now && before.data !== now.data) {
      expect(equal(before.data, now.data), `${key} keeps its data if it is the same`).toBe(false);
    }
    if (now) this.told.set(key, now);
    else this.told.delete(key);
  }

  /** Whether nothing is on its way and nothing is pending. */
  isQuiet(room: MiniRoom): boolean {
    const { replica } = this;
    const still = !!this.link?.isIdle() && !replica.pending().length;
    return still && replica.status() === "live" && replica.confirmedRev === room.rev;
  }

  checkEnd(room: MiniRoom, accepted: Iterable<string>): void {
    const { replica, ended, made, lost } = this;
    expect(replica.epoch).toBe(room.epoch);
    expect(recordsOf(replica.confirmed)).toEqual(recordsOf(room.document));
    expect(replica.confirmed.checksum()).toBe(room.document.checksum());
    // Nothing is pending any more.
    expect(recordsOf(replica.view)).toEqual(recordsOf(room.document));
    for (const id of made) expect(ended.has(id) || lost.has(id), `${id} has ended`).toBe(true);
    for (const id of accepted) {
      const outcome = ended.get(id);
      const open = outcome?.status === "rejected" && outcome.code === "OUTCOME_UNKNOWN";
      const given = outcome?.status === "discarded" && this.onGap === "discard";
      const right = !outcome || outcome.status === "accepted" || open || given;
      expect(right, `${id} was accepted, its author was told ${JSON.stringify(outcome)}`).toBe(true);
    }
  }
}

function recordsOf(document: Document): Map<Key, Rec> {
  return new Map([...document.records()].map((record) => [keyOf(record), record]));
}

function dataOf(document: Document): Map<Key, ObjectValue> {
  return new Map([...document.records()].map((record) => [keyOf(record), record.data]));
}

/** What a replica tells of splices of others, and whether they lead from the old view to the new one. */
class Foreign {
  private readonly places = new Map<string, [before: Value | undefined, moved: Extent[]]>();
  private readonly shown: string;
  private readonly view: Document;

  constructor(private readonly replica: Replica) {
    this.view = replica.view.clone();
    this.shown = this.pending();
    replica.onForeign = foreign((key, path, extents) => {
      const place = `${key}\n${path}`;
      const known = this.places.get(place) ?? [this.valueAt(this.view, place), []];
      known[1].push(...extents);
      this.places.set(place, known);
    });
  }

  /** Where no own update came or went and no value was replaced, it is as its splices say, whatever they insert. */
  check(message: ServerMessage): void {
    if (this.pending() !== this.shown || message.type !== "SYNC.DELTAS") return;
    const effects = message.ops.flatMap((operation) => operation.changes);
    for (const [place, [before, extents]] of this.places) {
      if (effects.some((effect) => place.startsWith(`${keyOf(effect)}\n`) && effect.op !== "splice"))
        continue;
      const now = this.valueAt(this.replica.view, place);
      if (typeof before !== "string" || typeof now !== "string") continue;
      let expected: Value = before;
      for (const { at, remove, insert } of extents) {
        expected = applySplice(expected, { at, remove, insert: HOLE.repeat(insert) });
      }
      const seen = [...now].map((letter, index) => ([...String(expected)][index] === HOLE ? HOLE : letter));
      expect(seen.join(""), `${place} moved as told`).toBe(expected);
    }
  }

  private pending(): string {
    return this.replica
      .pending()
      .map((id) => `${id} ${shows(this.replica, id)}`)
      .join();
  }

  private valueAt(document: Document, place: string): Value | undefined {
    const [collection = "", id = "", path = ""] = place.split("\n");
    const record = document.get(keyOf({ collection, id }));
    return record && find(record.data, path);
  }
}

const HOLE = "\u{10ffff}";
