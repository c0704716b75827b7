/** Changes, written short: `put("cards", "1", { title: "Milk" })`. */

import { toChange } from "./change.js";
import type { Change, ObjectValue } from "./types.js";
import { UpdateError } from "./update-error.js";
import { isObject, toValue } from "./value.js";
import { wordsOf } from "./words.js";

/** A condition of a change. */
export interface If {
  /**
   * The change takes place only if the record is at this version before the update; 0: only if it does not exist. Otherwise
   * the whole update is rejected with `CONFLICT`.
   */
  readonly ifVersion?: number;
}

/** Creates the record or replaces its data. Like all of these it is checked when it is made an update. */
export const put = (collection: string, id: string, data: object, options?: If): Change =>
  ({ op: "put", collection, id, data, ...options }) as Change;

/** Merges `data` into an existing record (JSON Merge Patch, RFC 7396): null removes a field. */
export const merge = (collection: string, id: string, data: object, options?: If): Change =>
  ({ op: "merge", collection, id, data, ...options }) as Change;

/** Sets the field at `path`, a JSON Pointer such as `/title`. */
export const set = (collection: string, id: string, path: string, value: unknown, options?: If): Change =>
  ({ op: "set", collection, id, path, value, ...options }) as Change;

/** Removes the field at `path`. */
export const unset = (collection: string, id: string, path: string, options?: If): Change =>
  ({ op: "unset", collection, id, path, ...options }) as Change;

/** Removes the record. */
export const del = (collection: string, id: string, options?: If): Change =>
  ({ op: "delete", collection, id, ...options }) as Change;

/** Adds `by` to the number at `path`; a missing one counts as 0. Concurrent additions all count. */
export const add = (collection: string, id: string, path: string, by: number, options?: If): Change =>
  ({ op: "add", collection, id, path, by, ...options }) as Change;

/**
 * Edits a string or an array in place: removes `remove` elements from `at` on and inserts `insert` there. Positions count
 * Unicode code points of strings (not UTF-16 code units: see `room.text`) and elements of arrays. Concurrent splices of one
 * value are merged.
 */
export const splice = (
  collection: string,
  id: string,
  path: string,
  at: number,
  remove: number,
  insert: string | readonly unknown[],
  options?: If,
): Change => ({ op: "splice", collection, id, path, at, remove, insert, ...options }) as Change;

/** Ways to make updates of one change. */
export abstract class Writer<Result> {
  /** Makes one atomic update of `changes`. */
  abstract update(changes: Change | readonly Change[]): Result;

  /** Creates the record or replaces its data. */
  put(...args: Parameters<typeof put>): Result {
    return this.update(put(...args));
  }

  /** Merges `data` into an existing record (JSON Merge Patch, RFC 7396): null removes a field. */
  merge(...args: Parameters<typeof merge>): Result {
    return this.update(merge(...args));
  }

  /** Sets the field at `path`, a JSON Pointer such as `/title`. */
  set(...args: Parameters<typeof set>): Result {
    return this.update(set(...args));
  }

  /** Removes the field at `path`. */
  unset(...args: Parameters<typeof unset>): Result {
    return this.update(unset(...args));
  }

  /** Removes the record. */
  delete(...args: Parameters<typeof del>): Result {
    return this.update(del(...args));
  }

  /** Adds `by` to the number at `path`; a missing one counts as 0. Concurrent additions all count. */
  add(...args: Parameters<typeof add>): Result {
    return this.update(add(...args));
  }

  /**
   * Edits a string or an array in place: removes `remove` elements from `at` on and inserts `insert` there. Positions count
   * code points or elements. For texts and lists `room.text` and `room.items` are easier.
   */
  splice(...args: Parameters<typeof splice>): Result {
    return this.update(splice(...args));
  }
}

/** `draft` as a change that was checked and that nobody else can alter. Throws an `UpdateError` (`INVALID`) in words. */
export const checked = (draft: Change): Change => refusing(() => toChange(draft));

/** What the application gave, as an object. Throws an `UpdateError` (`INVALID`) in words. */
export function objectOf(input: object): ObjectValue {
  return refusing(() => {
    const value = toValue(input);
    if (isObject(value)) return value;
    throw new TypeError("data must be an object");
  });
}

function refusing<T>(take: () => T): T {
  try {
    return take();
  } catch (error) {
    throw new UpdateError("INVALID", wordsOf(error));
  }
}
