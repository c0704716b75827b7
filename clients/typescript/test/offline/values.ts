/** What is stored in tests. */

import { keyOf } from "../../src/key.js";
import type { SavedPending, SavedUpdate } from "../../src/replica/save.js";
import type { SeatWrite } from "../../src/store.js";
import type { ObjectValue, Rec } from "../../src/types.js";

/** A confirmed record. */
export function record(id: string, data: ObjectValue = { id }, collection = "c"): Rec {
  return { collection, id, version: 1, createdAt: 5, updatedAt: 6, data };
}

/** A pending update. */
export function saved(id: string, more: Partial<SavedUpdate> = {}): SavedUpdate {
  return { id, aliases: [], changes: [{ op: "put", collection: "c", id, data: { id } }], ...more };
}

/** What a replica says is pending. */
export function pending(queue: SavedUpdate[] = [], more: Partial<SavedPending> = {}): SavedPending {
  return { epoch: "e", rev: 3, at: 6, queue, ...more };
}

/** A write of `queue` and of records, all there are or those that changed. */
export function write(queue: SavedUpdate[], records: readonly Rec[] = [], all = false): SeatWrite {
  return { pending: pending(queue), records: new Map(records.map((of) => [keyOf(of), of])), all };
}
