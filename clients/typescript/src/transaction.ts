/** Several changes as one update. */

import { checked, Writer } from "./changes.js";
import { type Document, keyOf } from "./document.js";
import { Trial } from "./replica/view.js";
import type { Change, ObjectValue, Rec } from "./types.js";
import { UpdateError } from "./update-error.js";

/** What `room.transaction` gives to its function: the room's ways to write, and to read what they did so far. */
export class Transaction extends Writer<void> {
  /** @internal What was asked for so far. */
  readonly changes: Change[] = [];
  readonly #trial: Trial;
  #over = false;
  readonly #view: Document;
  readonly #synced: boolean;

  /**
   * @internal
   * @param synced Whether the view is known; otherwise what does not fit now may fit later.
   */
  constructor(view: Document, synced: boolean) {
    super();
    this.#view = view;
    this.#synced = synced;
    this.#trial = new Trial(view);
  }

  /** Adds `changes`. Throws an `UpdateError` at once when one does not apply to what is there by now. */
  override update(changes: Change | readonly Change[]): void {
    if (this.#over)
      throw new UpdateError("CLOSED", "the transaction is over: its function must not be async");
    for (const draft of [changes].flat()) {
      const change = checked(draft);
      // The condition is about the record before the transaction: it is checked in the end.
      const { ifVersion: _, ...edit } = change;
      const error = this.#trial.try([edit], Date.now());
      if (error && this.#synced) throw error;
      this.changes.push(change);
    }
  }

  /** The record, as it is after what was done so far. Its version and times are guesses. */
  get<T extends object = ObjectValue>(collection: string, id: string): Rec<T> | undefined {
    return this.#trial.get(keyOf({ collection, id })) as Rec<T> | undefined;
  }

  /** The records of a collection by id, as they are after what was done so far. */
  list<T extends object = ObjectValue>(collection: string): readonly Rec<T>[] {
    const all = this.#view.clone();
    for (const [key, record] of this.#trial.changed) all.put(key, record);
    return all.collection(collection) as readonly Rec[] as readonly Rec<T>[];
  }

  /** @internal Ends it. */
  end(): readonly Change[] {
    this.#over = true;
    return this.changes;
  }
}
