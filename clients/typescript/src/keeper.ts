/** Writes a replica to its seat as it changes. */

import { type Key, keyOf } from "./key.js";
import type { Replica } from "./replica/replica.js";
import { restore, save } from "./replica/save.js";
import type { Room, RoomEvent } from "./room.js";
import type { Courier, Seat, Store } from "./store.js";
import type { Rec, ServerMessage } from "./types.js";
import { wordsOf } from "./words.js";

/** How long what the server said may wait to be stored, in milliseconds: it would say it again. */
const DELAY_MS = 250;
/** When to try again what could not be stored, in milliseconds. */
const RETRY_MS = 5_000;

/** Writes what a room does to its seat. */
export interface Keeper {
  /** An own update was made. */
  made(): void;
  /** The replica has handled `message`. */
  heard(message: ServerMessage): void;
  /** The room is live. */
  live(): void;
  /** Writes what is left and gives the seat free. */
  close(): Promise<void>;
}

/** What a keeper needs of its room. */
export interface KeptRoom {
  readonly url: string;
  readonly room: string;
  readonly clientKey?: string | undefined;
  readonly replica: Replica;
  /** Its place in the store, where it is known already. */
  readonly seat?: Seat | undefined;
  /** Tells an event of the room. */
  tell(event: RoomEvent): void;
  /** Opens the same room once more, on another seat. */
  again(seat: Seat): Room;
}

/**
 * Takes a seat, brings what is stored there into the replica, under what was done meanwhile, and keeps both from now on.
 * Rejects when the room must not be opened.
 */
export type Keep = (store: Store, room: KeptRoom) => Promise<Keeper>;

/** A {@link Keep}, for the stores. */
export const keep: Keep = async (store, { replica, tell, ...room }) => {
  const warn = (message: string) => tell({ type: "warning", message });
  const { clientKey } = room;
  const request = { url: room.url.replace(/[?#].*/, ""), room: room.room, clientKey, warn };
  const courier = (left: Seat) => courierOf(room.again(left), tell);
  const seat = room.seat ?? (await store.open({ ...request, courier }));
  replica.clientKey = seat.clientKey;
  const saved = seat.take();
  if (saved) restore(replica, saved);
  const keeper = new SeatKeeper(replica, seat, warn);
  if (replica.queue.length) keeper.made();
  return keeper;
};

/** `room`, which sends what is pending on a seat that somebody left. */
function courierOf(room: Room, tell: (event: RoomEvent) => void): Courier {
  room.on("outcome", tell);
  const done = new Promise<boolean>((resolve) => {
    room.onStatus(({ state, pending }) => {
      if (state === "closed" || (state === "live" && !pending)) resolve(state === "live");
    });
  });
  return { done, close: () => room.close() };
}

/**
 * Keeps a replica: own updates are written in the turn they were made in, what the server says a little later. Each
 * write has both, for the positions of a stored splice refer to the confirmed state stored with it.
 */
class SeatKeeper implements Keeper {
  private keys = new Set<Key>();
  private all = false;
  private due = false;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private running: Promise<void> | undefined;
  private failed = false;

  constructor(
    private readonly replica: Replica,
    private readonly seat: Seat,
    private readonly warn: (message: string) => void,
  ) {}

  made(): void {
    this.due = true;
    this.running ??= this.run();
  }

  heard(message: ServerMessage): void {
    const { type } = message;
    if (type === "PRESENCE" || type === "HEARTBEAT") return;
    if (type === "SYNC.SNAPSHOT" && message.last) {
      this.all = true;
      // Of what is sent in a new epoch the store is to know before it is sent.
      if (this.replica.pending().length) this.made();
    }
    if (type === "SYNC.DELTAS") {
      for (const operation of message.ops)
        for (const effect of operation.changes) this.keys.add(keyOf(effect));
    }
    this.later(DELAY_MS);
  }

  live(): void {
    this.seat.live?.();
  }

  async close(): Promise<void> {
    if (this.timer) this.made();
    await this.running;
    clearTimeout(this.timer);
    await this.seat.close();
  }

  private later(ms: number): void {
    this.timer ??= setTimeout(() => this.made(), ms);
  }

  private async run(): Promise<void> {
    // All that was made in one turn goes into one write.
    await undefined;
    while (this.due) await this.write();
    this.running = undefined;
  }

  private async write(): Promise<void> {
    const { keys, all } = this;
    const { confirmed } = this.replica;
    clearTimeout(this.timer);
    this.timer = undefined;
    this.due = false;
    this.keys = new Set();
    this.all = false;
    const records = new Map<Key, Rec | undefined>();
    if (all) for (const record of confirmed.records()) records.set(keyOf(record), record);
    else for (const key of keys) records.set(key, confirmed.get(key));
    try {
      await this.seat.write({ pending: save(this.replica), records, all });
      if (this.failed) this.warn("what is pending is stored again");
      this.failed = false;
    } catch (error) {
      // Nothing was stored, so the next write has it all.
      for (const key of keys) this.keys.add(key);
      this.all ||= all;
      if (!this.failed) this.warn(`what is pending is kept in memory only: ${wordsOf(error)}`);
      this.failed = true;
      this.later(RETRY_MS);
    }
  }
}
