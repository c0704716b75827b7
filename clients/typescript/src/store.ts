/** Where a room keeps what must outlive it: the last confirmed state and the pending updates. */

import { type Keep, keep } from "./keeper.js";
import type { Key } from "./key.js";
import { scopeOf } from "./offline/scope.js";
import type { SavedPending, SavedReplica } from "./replica/save.js";
import type { Rec } from "./types.js";

/** What a room asks a store for. */
export interface SeatRequest {
  /** The server's address, absolute, without what may change between two lives of a page (query, fragment). */
  readonly url: string;
  readonly room: string;
  /** The client's secret, if the application gives one. The seat is then the one of this client. */
  readonly clientKey?: string | undefined;
  /** Told, in words for people, when something cannot be stored or read. The room goes on. */
  readonly warn: (message: string) => void;
  /** Opens the room on a seat that somebody left, to send what is pending there. Never asks the store again. */
  readonly courier?: (seat: Seat) => Courier;
}

/** A room without an interface that sends another seat's queue. */
export interface Courier {
  /** Resolves when the room is live and nothing is pending, or when it cannot go on (false). */
  readonly done: Promise<boolean>;
  /** Leaves; what is pending stays stored. */
  close(): Promise<void>;
}

/** Keeps rooms: `memoryStore()`, `browserStore()` of `revring/offline`, `fileStore()` of `revring/node`. */
export interface Store {
  /**
   * A seat in a room, for this replica alone until it is closed. Rejects only when the room must not be opened (the
   * file store, when another process has the seat or a file is damaged): the room then closes with these words. What
   * merely cannot be stored is told to `warn`.
   */
  open(request: SeatRequest): Promise<Seat>;
  /**
   * Removes what is stored of a room, other seats included, or of all rooms; after signing out. Rooms that are still
   * open go on and store nothing more.
   */
  forget(url?: string, room?: string): Promise<void>;
  /** How a room goes on from a seat and writes to it: `keep` of the same entry. Rooms without a store do without it. */
  readonly keep: Keep;
}

/** One client's place in a room, and what is stored of it. */
export interface Seat {
  /** The secret it joins with: stored before the first `JOIN`, so that no answer is ever lost with it (rule N-2). */
  readonly clientKey: string;
  /** What was stored. For one caller: the seat does not hold it any longer. */
  take(): SavedReplica | undefined;
  /** Stores `write` as one: all of it or nothing. Rejects when it could not; the same may succeed later. */
  write(write: SeatWrite): Promise<void>;
  /** The room is live: a good time to send what closed tabs have left. */
  live?(): void;
  /** Gives the seat free. Nothing may be written after. */
  close(): Promise<void>;
}

/** What changed since the last write that succeeded. */
export interface SeatWrite {
  readonly pending: SavedPending;
  /** The confirmed records that changed; undefined: removed. */
  readonly records: ReadonlyMap<Key, Rec | undefined>;
  /** `records` is all there is: nothing else remains. */
  readonly all: boolean;
}

/** A new secret for a client: 128 random bits as base64url. */
export function newClientKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return btoa(String.fromCharCode(...bytes))
    .replace(/\+/g, "-")
    .replace(/\//g, "_")
    .slice(0, 22);
}

/**
 * A store in memory: what was closed is found again by the next `connect` with the same store, until the page or the
 * process ends.
 */
export function memoryStore(): Store {
  const free = new Map<string, MemorySeat[]>();
  return {
    open: async ({ url, room, clientKey }) => {
      const scope = scopeOf("", url, room);
      const seats = free.get(scope) ?? [];
      free.set(scope, seats);
      const at = clientKey === undefined ? 0 : seats.findIndex((seat) => seat.clientKey === clientKey);
      const [seat] = at < 0 ? [] : seats.splice(at, 1);
      const leave = (self: MemorySeat) => free.get(scope) === seats && seats.push(self);
      return seat ?? new MemorySeat(clientKey ?? newClientKey(), leave);
    },
    forget: async (url, room) => {
      const scope = scopeOf("", url, room);
      for (const name of [...free.keys()]) if (name.startsWith(scope)) free.delete(name);
    },
    keep,
  };
}

class MemorySeat implements Seat {
  private pending: SavedPending | undefined;
  private records = new Map<Key, Rec>();

  constructor(
    readonly clientKey: string,
    private readonly leave: (self: MemorySeat) => void,
  ) {}

  take(): SavedReplica | undefined {
    return this.pending && { pending: this.pending, records: this.records.values() };
  }

  async write({ pending, records, all }: SeatWrite): Promise<void> {
    this.pending = pending;
    if (all) this.records.clear();
    for (const [key, record] of records) {
      if (record) this.records.set(key, record);
      else this.records.delete(key);
    }
  }

  async close(): Promise<void> {
    this.leave(this);
  }
}
