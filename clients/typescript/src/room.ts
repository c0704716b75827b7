/** A room: its state, ways to change it, and what happens in it. */

import { checked, Writer } from "./changes.js";
import { Connection, type Link } from "./connection.js";
import { keyOf } from "./document.js";
import { type ItemsField, itemsField } from "./items.js";
import type { Keeper } from "./keeper.js";
import { find } from "./path.js";
import { Presence } from "./presence.js";
import type { OnGap, Outcome, ReplicaEvent } from "./replica/event.js";
import { Replica } from "./replica/replica.js";
import { Signal } from "./signal.js";
import { type Status, statusOf } from "./status.js";
import type { Seat, Store } from "./store.js";
import { type Changes, Subscriptions } from "./subscriptions.js";
import { type FieldHost, type TextField, textField } from "./text.js";
import { Transaction } from "./transaction.js";
import type { Change, ClientMessage, Limits, ObjectValue, Rec, Rev, ServerMessage, Value } from "./types.js";
import type { History, UndoHost } from "./undo.js";
import { UpdateError } from "./update-error.js";
import { wordsOf } from "./words.js";

/** Which room, over which connection, and how it behaves. */
export interface Settings extends Link {
  readonly room: string;
  readonly clientKey?: string | undefined;
  readonly onGap?: OnGap | undefined;
  readonly store?: Store | undefined;
  readonly staleAfterMs: number;
  readonly whenStale: "queue" | "refuse";
  readonly undo?: UndoOption | undefined;
}

/** What remembers own updates so that they can be undone: `undo` of `revring/undo`. */
export type UndoOption = (host: UndoHost<Promise<Outcome>>) => History<Promise<Outcome>>;

/** What happens in a room, besides changes of records, presence and status. */
export type RoomEvent =
  | Exclude<ReplicaEvent, { type: "changed" | "presence" | "resolved" }>
  /** What became of an own update: those that a store brought back too, which have no promise. */
  | { type: "outcome"; id: string; outcome: Outcome }
  /** A message that is on its way to the server, and one that came from there. */
  | { type: "sent"; message: ClientMessage }
  | { type: "received"; message: ServerMessage }
  /** The store has a problem, in words for people; the room goes on. */
  | { type: "warning"; message: string };

/** The head of a room and the checksum there (rule D-8). */
export interface Heartbeat {
  readonly rev: Rev;
  readonly checksum: string;
}

type Beat = [resolve: (heartbeat: Heartbeat) => void, reject: (reason: Error) => void];

/** Timers run over past that, in milliseconds. */
const LONGEST_TIMER = 2 ** 31 - 1;
const CLOSED = "the room was closed before the answer came";

/**
 * A room, from `connect`. Its state can be read at any time, own changes included; records are immutable, and one that did
 * not change stays the same object.
 */
export class Room extends Writer<Promise<Outcome>> {
  /** The room's name. */
  readonly name: string;
  /** Resolves when there is a state, from the store or from the server; rejects when the room is closed before. */
  readonly ready: Promise<void>;
  /** Who else is here, and what they say of themselves. */
  readonly presence: Presence;

  readonly #replica: Replica;
  readonly #connection: Connection;
  readonly #history: History<Promise<Outcome>> | undefined;
  readonly #subscriptions: Subscriptions;
  readonly #events = new Signal<RoomEvent>();
  readonly #statuses = new Signal<Status>();
  #keeper: Keeper | undefined;
  readonly #outcomes = new Map<string, (outcome: Outcome) => void>();
  #setReady = () => {};
  #failReady: (reason: Error) => void = () => {};
  /** The store is being opened. */
  #starting: Promise<void> | undefined;
  readonly #ended: Promise<void>;
  #setEnded: (stored?: Promise<void>) => void = () => {};
  readonly #prefix = randomText();
  #count = 0;
  #waking = false;
  #current: Status | undefined;
  #told: Status | undefined;
  #staleTimer: ReturnType<typeof setTimeout> | undefined;
  /** Who waits for a heartbeat that is not sent yet. */
  #beats: Beat[] = [];
  /** Who waits for the answer to each that is sent. */
  #flying: Beat[][] = [];
  readonly #settings: Settings;

  /**
   * @internal Use `connect`.
   * @param seat The place in the store, where it is known already.
   */
  constructor(settings: Settings, seat?: Seat) {
    super();
    this.#settings = settings;
    this.name = settings.room;
    this.ready = new Promise((resolve, reject) => {
      this.#setReady = resolve;
      this.#failReady = reject;
    });
    this.#ended = new Promise((resolve) => {
      this.#setEnded = resolve;
    });
    // Who does not wait for it is not bothered.
    this.ready.catch(() => {});
    const replica = new Replica(settings);
    this.#replica = replica;
    this.presence = new Presence(replica, () => this.#wake());
    this.#subscriptions = new Subscriptions(replica.view);
    this.#history = settings.undo?.({
      get: (key) => replica.view.get(key),
      update: (changes) => this.update(changes),
    });
    replica.onForeign = this.#history?.moved;
    this.#connection = new Connection(replica, settings, {
      received: (message) => this.#received(message),
      sent: (message) => this.#messageSent(message),
      changed: () => {
        // The end of a connection ends updates, too (rule K-7).
        this.#drain("remote");
        if (this.#connection.phase === "closed") this.#finish();
      },
    });
    // Who does not wait for the end is not bothered.
    this.#ended.catch(() => {});
    if (settings.store) this.#starting = this.#start(settings.store, seat);
    else this.#connection.start();
  }

  /** The record as it is here and now, own changes included; undefined: it does not exist. */
  get<T extends object = ObjectValue>(collection: string, id: string): Rec<T> | undefined {
    return this.#replica.view.get(keyOf({ collection, id })) as Rec<T> | undefined;
  }

  /** The records of a collection by id, own changes included; the same array until one of them changes. */
  list<T extends object = ObjectValue>(collection: string): readonly Rec<T>[] {
    return this.#replica.view.collection(collection) as readonly Rec[] as readonly Rec<T>[];
  }

  /** The names of the collections that have records. */
  collections(): string[] {
    return [...this.#replica.view.collections()];
  }

  /** The confirmed revision. */
  get rev(): Rev {
    return this.#replica.confirmedRev;
  }

  /** The life of the room's revision line; undefined before the first state. */
  get epoch(): string | undefined {
    return this.#replica.epoch;
  }

  /** This client's public id, which others see in presence; undefined before the server has told it. */
  get clientId(): string | undefined {
    return this.#replica.clientId;
  }

  /** The room's bounds; the usual ones before the server has told them. */
  get limits(): Limits {
    return this.#replica.limits;
  }

  /** The ids of the updates that are not confirmed yet, oldest first. */
  get pending(): readonly string[] {
    return this.#replica.pending();
  }

  /** The checksum of the confirmed state (rule D-8). */
  checksum(): string {
    return this.#replica.confirmed.checksum();
  }

  /**
   * Makes one atomic update of `changes`: all of them or none. It shows at once.
   *
   * The promise tells what became of it, and never rejects; offline it waits. When the room is closed before the answer
   * came, the outcome is a rejection as `OUTCOME_UNKNOWN`; a store keeps the update nonetheless.
   *
   * @param options `id`: the update's own id, which no other of this client may ever have; by default a new one.
   * @throws UpdateError when it cannot be made. Nothing has changed then.
   */
  override update(changes: Change | readonly Change[], options?: { readonly id?: string }): Promise<Outcome> {
    const { state, canWrite, reason = "" } = this.status;
    if (!canWrite) {
      throw state === "closed"
        ? new UpdateError("CLOSED", reason)
        : new UpdateError("STALE", "not connected for too long");
    }
    const list = [changes].flat().map(checked);
    const id = options?.id ?? `${this.#prefix}-${++this.#count}`;
    const { view, epoch } = this.#replica;
    const before = new Map(list.map((change) => [keyOf(change), view.get(keyOf(change))]));
    this.#replica.update(id, list);
    // Before the first state nobody knows what it would take to undo it.
    if (epoch !== undefined) this.#history?.made(id, list, before);
    this.#keeper?.made();
    this.#drain("local");
    return new Promise((resolve) => this.#outcomes.set(id, resolve));
  }

  /**
   * Makes one atomic update of what `fn` does with its argument, which reads what it did so far. An `fn` that throws
   * changes nothing; one that does nothing is accepted without an update.
   *
   * @throws UpdateError when it cannot be made, and whatever `fn` throws.
   */
  transaction(fn: (tx: Transaction) => void): Promise<Outcome> {
    const tx = new Transaction(this.#replica.view, this.epoch !== undefined);
    fn(tx);
    const changes = tx.end();
    return changes.length ? this.update(changes) : Promise.resolve({ status: "accepted", rev: this.rev });
  }

  /** A text that several people may type into at once: the string at `path` of a record. */
  text(collection: string, id: string, path: string): TextField<Promise<Outcome>> {
    return textField(this.#field(collection, id, path));
  }

  /** An array that several people may edit at once: the one at `path` of a record. */
  items(collection: string, id: string, path: string): ItemsField<Promise<Outcome>> {
    return itemsField(this.#field(collection, id, path));
  }

  /**
   * Tells `listener` what changed, own updates included: of all records, those of a collection, or one. All changes of a
   * turn are told together, each record once, when the turn is over. Gives what ends the subscription.
   */
  subscribe(listener: (changes: Changes) => void): () => void;
  subscribe(collection: string, listener: (changes: Changes) => void): () => void;
  subscribe(collection: string, id: string, listener: (changes: Changes) => void): () => void;
  subscribe(...args: (string | ((changes: Changes) => void))[]): () => void {
    const listener = args.pop();
    if (typeof listener !== "function") throw new TypeError("the last argument must be a function");
    return this.#subscriptions.add(args.join("\n"), listener);
  }

  /** How the room stands with its server. */
  get status(): Status {
    this.#current = statusOf(this.#current, this.#connection, this.#replica, this.#settings, Date.now());
    return this.#current;
  }

  /** Tells `listener` each new status; gives what ends that. */
  onStatus(listener: (status: Status) => void): () => void {
    return this.#statuses.add(listener);
  }

  /** Tells `listener` each event of this type; gives what ends that. */
  on<K extends RoomEvent["type"]>(
    type: K,
    listener: (event: Extract<RoomEvent, { type: K }>) => void,
  ): () => void {
    const fits = (event: RoomEvent): event is Extract<RoomEvent, { type: K }> => event.type === type;
    return this.#events.add((event) => fits(event) && listener(event));
  }

  /** Takes back the last own update that is not taken back yet; undefined: there is none. */
  undo(): Promise<Outcome> | undefined {
    return this.#history?.undo();
  }

  /** Makes again what was taken back last; undefined: there is nothing. */
  redo(): Promise<Outcome> | undefined {
    return this.#history?.redo();
  }

  /** Whether there is something to undo. */
  get canUndo(): boolean {
    return this.#history?.canUndo() ?? false;
  }

  /** Whether there is something to redo. */
  get canRedo(): boolean {
    return this.#history?.canRedo() ?? false;
  }

  /** Makes all updates in `fn` one step for {@link undo}. */
  group<T>(fn: () => T): T {
    return this.#history ? this.#history.group(fn) : fn();
  }

  /** Asks the server for its head and checksum; waits for a connection if there is none. Rejects when the room is closed. */
  heartbeat(): Promise<Heartbeat> {
    return new Promise((resolve, reject) => {
      const { phase, reason } = this.#connection;
      if (phase === "closed") return reject(new Error(reason));
      this.#beats.push([resolve, reject]);
      this.#replica.heartbeat();
      this.#wake();
    });
  }

  /** Has the server send the whole state anew. Nothing that is pending is lost. */
  resync(): void {
    this.#replica.resync();
    this.#wake();
  }

  /** Drops the connection and makes no other before {@link reconnect}. The view stays and updates are taken. */
  disconnect(): void {
    this.#connection.disconnect();
  }

  /** Connects now instead of later, or after {@link disconnect}. Does nothing while there is a connection. */
  reconnect(): void {
    this.#connection.reconnect();
  }

  /**
   * Leaves the room, when what is pending is answered or 2 s have passed; without a connection, at once. A store keeps what
   * is not answered.
   *
   * Resolves when nothing of the room is left open.
   */
  close(): Promise<void> {
    this.#connection.close();
    return this.#ended;
  }

  #field(collection: string, id: string, path: string): FieldHost<Promise<Outcome>> {
    return {
      value: (): Value | undefined => {
        const record = this.get(collection, id);
        return record && find(record.data, path);
      },
      splice: (at, remove, insert) => this.splice(collection, id, path, at, remove, insert),
    };
  }

  /** Connects, on `seat` or another place in the store. */
  async #start(store: Store, seat?: Seat): Promise<void> {
    const settings = this.#settings;
    try {
      this.#keeper = await store.keep(store, {
        ...settings,
        replica: this.#replica,
        seat,
        tell: (event) => this.#events.tell(event),
        again: (other) => new Room(settings, other),
      });
      if (this.#connection.phase === "closed") return;
      this.#drain("remote");
      this.#connection.start();
    } catch (error) {
      this.#connection.end(wordsOf(error));
    }
  }

  #received(message: ServerMessage): void {
    this.#keeper?.heard(message);
    this.#drain("remote");
    if (message.type === "HEARTBEAT") {
      for (const [resolve] of this.#flying.shift() ?? []) resolve(message);
    } else if (message.type === "JOINED") {
      // What was asked for over the connection before this one is asked again.
      this.#beats.push(...this.#flying.flat());
      this.#flying = [];
      if (this.#beats.length) this.#replica.heartbeat();
    }
    this.#events.tell({ type: "received", message });
  }

  #messageSent(message: ClientMessage): void {
    if (message.type === "HEARTBEAT") {
      this.#flying.push(this.#beats);
      this.#beats = [];
    }
    this.#events.tell({ type: "sent", message });
  }

  /** Takes the replica's events, which came of an own update or of the server. */
  #drain(origin: Changes["origin"]): void {
    // Subscribers are told before those who await outcomes.
    this.#wake();
    const told: RoomEvent[] = [];
    for (let event = this.#replica.pollEvent(); event; event = this.#replica.pollEvent()) {
      if (event.type === "changed") {
        this.#subscriptions.note(event.before, origin);
      } else if (event.type === "presence") {
        this.presence.note(event.clients);
      } else if (event.type === "resolved") {
        this.#resolve(event.id, event.outcome);
        told.push({ ...event, type: "outcome" });
      } else {
        told.push(event);
      }
    }
    if (origin === "remote") this.#history?.settle();
    if (this.epoch !== undefined) this.#setReady();
    for (const event of told) this.#events.tell(event);
  }

  #resolve(id: string, outcome: Outcome): void {
    this.#history?.resolved(id, outcome.status === "accepted");
    this.#outcomes.get(id)?.(outcome);
    this.#outcomes.delete(id);
  }

  /** Sends and tells, once the turn is over. */
  #wake(): void {
    if (this.#waking) return;
    this.#waking = true;
    queueMicrotask(() => {
      this.#waking = false;
      this.#connection.pump();
      // An update that cannot be sent ends there.
      if (this.#replica.events.length) this.#drain("remote");
      this.#subscriptions.tell();
      this.presence.tell();
      this.#tellStatus();
    });
  }

  #tellStatus(): void {
    const { status } = this;
    const told = this.#told;
    const { state } = status;
    clearTimeout(this.#staleTimer);
    if (state !== "live" && state !== "stale" && state !== "closed") {
      const left = this.#connection.contact + this.#settings.staleAfterMs - Date.now();
      this.#staleTimer = setTimeout(() => this.#wake(), Math.min(left, LONGEST_TIMER));
    }
    if (status === told) return;
    this.#told = status;
    if (state === "live" && told?.state !== state) this.#keeper?.live();
    this.#statuses.tell(status);
  }

  /** Closed: nobody waits any longer. */
  #finish(): void {
    const error = new Error(this.#connection.reason);
    this.#failReady(error);
    for (const [, reject] of [...this.#beats, ...this.#flying.flat()]) reject(error);
    for (const resolve of this.#outcomes.values()) {
      resolve({ status: "rejected", code: "OUTCOME_UNKNOWN", message: CLOSED });
    }
    this.#outcomes.clear();
    this.#setEnded(this.#starting?.then(() => this.#keeper?.close()));
  }
}

/** 64 random bits as text. */
function randomText(): string {
  return [...crypto.getRandomValues(new Uint32Array(2))].map((half) => half.toString(36)).join("");
}
