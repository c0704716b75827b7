/** What the database holds of a seat, and how it is read and written. */

import type { SavedPending, SavedReplica, SavedUpdate } from "../replica/save.js";
import type { SeatWrite } from "../store.js";
import { checkPending, checkRecord } from "./check.js";
import { answer } from "./database.js";

/** The format of a seat. What has another is put aside: neither read nor removed. */
export const FORMAT = 1;
/** In place of a format: what the seat held was removed while a tab had it. */
export const FORGOTTEN = 0;
/** In place of a format: it cannot be read. */
export const DAMAGED = -1;
/** The place in the queue that stands for "forgotten". */
const MARK = 0;

/** How many records are stored at a time. */
const PART = 200;

/** A row of `seats`. */
export interface SeatRow {
  readonly id: string;
  /** Server, room and user: see `scopeOf`. */
  readonly scope: string;
  readonly format: number;
  readonly clientKey: string;
  /** The application chose the key. */
  readonly given: boolean;
  /** Milliseconds since 1970. */
  readonly usedAt: number;
  /** How many updates are pending. */
  readonly waiting: number;
  /** What was saved besides the queue and the records. */
  readonly head: Omit<SavedPending, "queue"> | undefined;
}

/** Where an update of the queue stands in `pending`. */
export interface Place {
  readonly at: number;
  readonly update: SavedUpdate;
}

/** A seat as it was stored. */
export interface Loaded {
  readonly saved: SavedReplica | undefined;
  readonly places: Place[];
}

/** All seats, those put aside too. */
export function allSeats(tx: IDBTransaction): Promise<SeatRow[]> {
  return answer(tx.objectStore("seats").getAll());
}

/** The seats of `scope`, the last used first: those that this version of the package can read, and those of `format`. */
export async function seatsOf(tx: IDBTransaction, scope: string, format = FORMAT): Promise<SeatRow[]> {
  const rows = await allSeats(tx);
  return rows
    .filter((row) => row.scope === scope && (row.format === FORMAT || row.format === format))
    .sort((a, b) => b.usedAt - a.usedAt);
}

/** The seat `id`, undefined when it is gone. */
export function seatRow(tx: IDBTransaction, id: string): Promise<SeatRow | undefined> {
  return answer(tx.objectStore("seats").get(id));
}

/** All that is stored of the seat `row`. Throws an `Error` in words when it cannot have been stored by this package. */
export async function load(tx: IDBTransaction, { id, head }: SeatRow): Promise<Loaded> {
  const pending = tx.objectStore("pending");
  const [keys, updates, records]: [IDBValidKey[], unknown[], unknown[]] = await Promise.all([
    answer(pending.getAllKeys(rowsOf(id))),
    answer(pending.getAll(rowsOf(id))),
    answer(tx.objectStore("records").getAll(rowsOf(id))),
  ]);
  if (!head) return { saved: undefined, places: [] };
  const saved = { pending: checkPending({ ...head, queue: updates }), records: records.map(checkRecord) };
  const places = saved.pending.queue.map((update, index) => ({ at: placeIn(keys[index]), update }));
  return { saved, places };
}

/** Removes the seat `id` and what it holds. */
export function remove(tx: IDBTransaction, id: string): void {
  tx.objectStore("seats").delete(id);
  tx.objectStore("pending").delete(rowsOf(id));
  tx.objectStore("records").delete(rowsOf(id));
}

/** Removes what the seat `row` holds, which a tab has: nothing is stored in it any more. */
export function forget(tx: IDBTransaction, { id, scope }: SeatRow): void {
  remove(tx, id);
  tx.objectStore("seats").put({ id, scope, format: FORGOTTEN, usedAt: 0, waiting: 0 });
  tx.objectStore("pending").put(FORGOTTEN, [id, MARK]);
}

/** Stores `row`. The whole transaction fails when the seat is forgotten. */
export function writeSeat(tx: IDBTransaction, row: SeatRow): void {
  const pending = tx.objectStore("pending");
  // Without waiting for an answer, so that a page that is about to end need not stay for it.
  pending.add(FORGOTTEN, [row.id, MARK]);
  pending.delete([row.id, MARK]);
  tx.objectStore("seats").put(row);
}

/** Stores a seat's queue, whose updates have `before` as their places. Returns their places now. */
export function writeQueue(
  tx: IDBTransaction,
  id: string,
  queue: readonly SavedUpdate[],
  before: Place[],
): Place[] {
  const store = tx.objectStore("pending");
  const known = new Map(before.map((place) => [place.update.id, place]));
  let next = (before.at(-1)?.at ?? 0) + 1;
  let last = 0;
  const places = queue.map((update) => {
    const old = known.get(update.id);
    const stays = old && old.at > last;
    last = stays ? old.at : next++;
    if (!stays || !same(old.update, update)) store.put(update, [id, last]);
    if (stays) known.delete(update.id);
    return { at: last, update };
  });
  for (const { at } of known.values()) store.delete([id, at]);
  return places;
}

/**
 * Stores confirmed records that changed. A few at once; many a part at a time, or the page would stand still: then it
 * returns a promise.
 */
export function writeRecords(tx: IDBTransaction, id: string, write: SeatWrite): Promise<void> | undefined {
  const store = tx.objectStore("records");
  if (write.all) store.delete(rowsOf(id));
  const records = write.records.entries();
  const part = () => {
    let last: IDBRequest | undefined;
    for (let n = 0; n < PART; n++) {
      const next = records.next();
      if (next.done) return undefined;
      const [key, record] = next.value;
      const place = [id, ...key.split("\n")];
      last = record ? store.put(record, place) : store.delete(place);
    }
    return last;
  };
  const first = part();
  if (!first) return undefined;
  return (async () => {
    for (let last: IDBRequest | undefined = first; last; last = part()) await answer(last);
  })();
}

/** The keys of a seat's rows: arrays that begin with its id. */
function rowsOf(id: string): IDBKeyRange {
  return IDBKeyRange.bound([id], [id, []]);
}

function placeIn(key: IDBValidKey | undefined): number {
  const at = Array.isArray(key) ? key[1] : undefined;
  if (typeof at !== "number") throw new Error("a pending update has no place in the queue");
  return at;
}

/** Whether two saved updates are the same, as far as that is seen without looking into what they change. */
function same(a: unknown, b: unknown, depth = 2): boolean {
  if (Object.is(a, b)) return true;
  if (depth === 0 || typeof a !== "object" || typeof b !== "object" || !a || !b) return false;
  const [left, right] = [Object.entries(a), Object.entries(b)];
  const others = new Map(right);
  return (
    left.length === right.length && left.every(([key, value]) => same(value, others.get(key), depth - 1))
  );
}
