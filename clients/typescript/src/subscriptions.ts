/** Who is told when records change. */

import type { Document, Key } from "./document.js";
import { Signal } from "./signal.js";
import type { Rec } from "./types.js";

/** A record that is another than it was. */
export interface RecordChange {
  readonly collection: string;
  readonly id: string;
  /** Undefined: it did not exist. */
  readonly before: Rec | undefined;
  /** Undefined: it does not exist any more. */
  readonly after: Rec | undefined;
}

/** What changed in one turn. */
export interface Changes {
  /** Of what was subscribed to, each record that changed, once. */
  readonly records: readonly RecordChange[];
  /** Whether own updates alone changed them, or also the server's word: others' operations, a rejection, a snapshot. */
  readonly origin: "local" | "remote";
}

/** Subscriptions by topic: a record's key, a collection's name, or "" for all. */
export class Subscriptions {
  #topics = new Map<string, Signal<Changes>>();
  readonly #view: Document;
  #before = new Map<Key, Rec | undefined>();
  #origin: Changes["origin"] = "local";

  constructor(view: Document) {
    this.#view = view;
  }

  /** Adds a listener; gives what removes it. */
  add(topic: string, listener: (changes: Changes) => void): () => void {
    const signal = this.#topics.get(topic) ?? new Signal();
    this.#topics.set(topic, signal);
    const remove = signal.add(listener);
    return () => {
      remove();
      if (signal.isEmpty() && this.#topics.get(topic) === signal) this.#topics.delete(topic);
    };
  }

  /** Other records are in the place of these. */
  note(before: ReadonlyMap<Key, Rec | undefined>, origin: Changes["origin"]): void {
    for (const [key, record] of before) if (!this.#before.has(key)) this.#before.set(key, record);
    if (origin === "remote") this.#origin = origin;
  }

  /** Tells of the records that are others than when this was last called. */
  tell(): void {
    const [before, origin] = [this.#before, this.#origin];
    this.#before = new Map();
    this.#origin = "local";
    const changed = new Map<string, RecordChange[]>();
    for (const [key, was] of before) {
      const [collection = "", id = ""] = key.split("\n");
      const after = this.#view.get(key);
      if (was === after) continue;
      for (const topic of ["", collection, key]) {
        if (!this.#topics.has(topic)) continue;
        const records = changed.get(topic) ?? [];
        records.push({ collection, id, before: was, after });
        changed.set(topic, records);
      }
    }
    for (const [topic, records] of changed) this.#topics.get(topic)?.tell({ records, origin });
  }
}
