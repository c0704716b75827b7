/** Rooms that outlive a reload: the last confirmed state and the pending updates in IndexedDB, a seat for each tab. */

import { keep } from "./keeper.js";
import { Database } from "./offline/database.js";
import { Handover, type HandoverTimes } from "./offline/handover.js";
import { type Platform, thisPage } from "./offline/platform.js";
import { scopeOf } from "./offline/scope.js";
import { Seats } from "./offline/seats.js";
import { memoryStore, type Seat, type SeatRequest, type Store } from "./store.js";

export { type Keep, type Keeper, keep } from "./keeper.js";
export {
  type Courier,
  memoryStore,
  type Seat,
  type SeatRequest,
  type SeatWrite,
  type Store,
} from "./store.js";
export type { HandoverTimes, Platform };

/** How a browser keeps rooms. */
export interface BrowserStoreOptions {
  /** Whose rooms these are: what one user left pending is never sent for another. Default: one user for all. */
  readonly user?: string;
  /** Default: after 3 s and every 30 s. */
  readonly handover?: HandoverTimes;
  /** How long the browser may take to open its storage, in milliseconds, before a room goes on without. Default: 5 s. */
  readonly patienceMs?: number;
  /** Default: this page. */
  readonly platform?: Platform;
}

/**
 * Keeps rooms in the browser's IndexedDB. Each tab has a seat of its own (a client key, a queue, a state), which
 * survives a reload and a crash; what a closed tab left is sent by another that has the same room open. Where the
 * browser cannot store (private mode, storage full, no secure context), the room is told and kept in memory.
 */
export function browserStore(options: BrowserStoreOptions = {}): Store {
  const { user = "", handover = { graceMs: 3_000, everyMs: 30_000 } } = options;
  const memory = memoryStore();
  let opened: [Platform, Database] | undefined;
  const platform = () => {
    if (!opened) {
      const page = options.platform ?? thisPage();
      opened = [page, new Database(page.indexedDB, "revring", options.patienceMs ?? 5_000)];
    }
    return opened;
  };
  const sit = async (request: SeatRequest): Promise<Seat> => {
    const [page, database] = platform();
    const seats = new Seats(page, database, scopeOf(user, request.url, request.room), request.warn);
    const seat = await seats.sit(request.clientKey);
    const delivery = new Handover(page, seats, request, handover);
    seat.onLive = () => delivery.start();
    seat.onClose = () => delivery.stop();
    return seat;
  };
  return {
    open: async (request) => {
      try {
        return await sit(request);
      } catch (error) {
        request.warn(`changes are kept in memory only: ${error instanceof Error ? error.message : error}`);
        return memory.open(request);
      }
    },
    forget: async (url, room) => {
      await memory.forget(url, room);
      const scope = scopeOf(user, url, room);
      let page: Platform;
      let database: Database;
      try {
        [page, database] = platform();
      } catch {
        // Where nothing can be stored, nothing is.
        return;
      }
      await Seats.forget(page, database, (row) => row.scope.startsWith(scope));
    },
    keep,
  };
}
