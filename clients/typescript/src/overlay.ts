/** Records being changed by one operation, before a document takes them all at once. */

import { editData } from "./edit.js";
import { type Key, keyOf } from "./key.js";
import type { Change, Effect, Rec } from "./types.js";
import { UpdateError } from "./update-error.js";
import { equal } from "./value.js";

/** What records are found in. */
export interface Base {
  /** The record under `key`. */
  get(key: Key): Rec | undefined;
}

/** An effect, or a change with the version it is guessed to give the record. */
export type Versioned = Effect | (Change & { readonly version: number });

/** Changes above a base that are not made yet. */
export class Overlay implements Base {
  /** What was put. */
  readonly changed = new Map<Key, Rec | undefined>();

  constructor(protected readonly base: Base) {}

  /** The record under `key`, as the changes leave it. */
  get(key: Key): Rec | undefined {
    return this.changed.has(key) ? this.changed.get(key) : this.base.get(key);
  }

  /** Puts `record` under `key`, in place of what is there; undefined removes it. */
  put(key: Key, record: Rec | undefined): void {
    this.changed.set(key, record);
  }

  /**
   * Makes one effect of an operation made at `at`, in milliseconds since 1970.
   *
   * Throws a {@link UpdateError} when it does not fit the record; what the operation did before stays.
   */
  apply(effect: Versioned, at: number): void {
    const key = keyOf(effect);
    const before = this.get(key);
    const { collection, id, version, op } = effect;
    if (op === "put") {
      const data = before && equal(before.data, effect.data) ? before.data : effect.data;
      this.put(key, { collection, id, version, createdAt: before?.createdAt ?? at, updatedAt: at, data });
    } else {
      if (!before) throw new UpdateError("NOT_FOUND", "the record does not exist; put creates it");
      const after = op !== "delete" && {
        ...before,
        version,
        updatedAt: at,
        data: editData(before.data, effect),
      };
      this.put(key, after || undefined);
    }
  }
}

/**
 * The changes that `effects` make as one operation made at `at`, in milliseconds since 1970, above `base`.
 *
 * Throws a {@link UpdateError} when one does not fit.
 */
export function applyEffects(base: Base, effects: readonly Versioned[], at: number): Overlay {
  const overlay = new Overlay(base);
  for (const effect of effects) overlay.apply(effect, at);
  return overlay;
}
