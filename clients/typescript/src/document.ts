/** The state of a room: records by collection and id. */

import type { Key } from "./key.js";
import type { Rec } from "./types.js";
import { canonical } from "./value.js";
import { xxh64 } from "./xxh64.js";

export { type Key, keyOf } from "./key.js";
export { applyEffects, type Base, Overlay, type Versioned } from "./overlay.js";

/** The records of one collection. */
interface Shelf {
  /** By id, in the order of UTF-16 code units. */
  records: Rec[];
  /** Whether the array was handed out: the next change is then made in a copy. */
  shared: boolean;
}

const NONE: readonly Rec[] = [];

/** A document. The records in it are immutable, it is not. */
export class Document {
  #byKey = new Map<Key, Rec>();
  #shelves = new Map<string, Shelf>();

  /** The record under `key`. */
  get(key: Key): Rec | undefined {
    return this.#byKey.get(key);
  }

  /** Puts `record` under `key`, in place of what is there; undefined removes it. */
  put(key: Key, record: Rec | undefined): void {
    const before = this.#byKey.get(key);
    if (before === record) return;
    if (record) this.#byKey.set(key, record);
    else this.#byKey.delete(key);
    const [name = "", id = ""] = key.split("\n");
    const shelf = this.#shelves.get(name) ?? { records: [], shared: false };
    if (shelf.shared) shelf.records = shelf.records.slice();
    shelf.shared = false;
    shelf.records.splice(placeOf(shelf.records, id), before ? 1 : 0, ...(record ? [record] : []));
    if (shelf.records.length) this.#shelves.set(name, shelf);
    else this.#shelves.delete(name);
  }

  /** The records of the collection `name`, by id; the same array until one of them changes. */
  collection(name: string): readonly Rec[] {
    const shelf = this.#shelves.get(name);
    if (!shelf) return NONE;
    shelf.shared = true;
    return shelf.records;
  }

  /** The names of the collections; none of them is empty. */
  collections(): IterableIterator<string> {
    return this.#shelves.keys();
  }

  /** All records, in no order. */
  records(): IterableIterator<Rec> {
    return this.#byKey.values();
  }

  /** The checksum (rule D-8). Each record is hashed once. */
  checksum(): string {
    let sum = 0n;
    for (const record of this.records()) sum += hashOf(record);
    return BigInt.asUintN(64, sum).toString(16).padStart(16, "0");
  }

  /** Another document with the same records. */
  clone(): Document {
    const other = new Document();
    other.#byKey = new Map(this.#byKey);
    for (const [name, shelf] of this.#shelves) {
      shelf.shared = true;
      other.#shelves.set(name, { ...shelf });
    }
    return other;
  }
}

/** Where in `records`, which are in the order of their ids, `id` stands or is to stand. */
function placeOf(records: readonly Rec[], id: string): number {
  let from = 0;
  let to = records.length;
  while (from < to) {
    const middle = (from + to) >> 1;
    const record = records[middle];
    if (record && record.id < id) from = middle + 1;
    else to = middle;
  }
  return from;
}

const hashes = new WeakMap<Rec, bigint>();
const utf8 = new TextEncoder();

/** A record's term in the checksum (rule D-8). */
function hashOf(record: Rec): bigint {
  let hash = hashes.get(record);
  if (hash === undefined) {
    const { collection, id, version, createdAt, updatedAt, data } = record;
    hash = xxh64(utf8.encode(canonical([collection, id, version, createdAt, updatedAt, data])));
    hashes.set(record, hash);
  }
  return hash;
}
