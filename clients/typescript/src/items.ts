/** An array in a record that several people edit. */

import { difference } from "./diff.js";
import type { FieldHost } from "./text.js";
import type { Value } from "./types.js";
import { equal, isArray } from "./value.js";

/**
 * An array in a record. What people insert and remove at the same time is merged.
 *
 * Every change throws an `UpdateError` at once when there is no array: put the record with an empty one first.
 */
export interface ItemsField<Result> {
  /** The array as the view has it; undefined: there is none. */
  readonly value: readonly Value[] | undefined;
  /** Inserts `items` at `at`. */
  insert(at: number, ...items: Value[]): Result;
  /** Removes `count` items, by default one, from `at` on. */
  remove(at: number, count?: number): Result;
  /** Makes the array `items` by one splice where the two differ; undefined: they do not. */
  replace(items: readonly Value[]): Result | undefined;
}

/** The array that `host` has. */
export function itemsField<Result>(host: FieldHost<Result>): ItemsField<Result> {
  const current = () => {
    const value = host.value();
    return isArray(value) ? value : undefined;
  };
  return {
    get value() {
      return current();
    },
    insert: (at, ...items) => host.splice(at, 0, items),
    remove: (at, count = 1) => host.splice(at, count, []),
    replace: (items) => {
      const before = current() ?? [];
      const { start, remove, insert } = difference(before, items, (b, a) => equal(before[b], items[a]));
      if (!remove && !insert) return undefined;
      return host.splice(start, remove, items.slice(start, start + insert));
    },
  };
}
