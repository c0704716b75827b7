/** A text in a record that several people type into. */

import { type Difference, difference } from "./diff.js";
import { lengthOf } from "./splice.js";
import type { Value } from "./types.js";

/** What the fields of a record need of their room. */
export interface FieldHost<Result> {
  /** The value as the view has it; undefined: there is none. */
  value(): Value | undefined;
  /** Splices it. */
  splice(at: number, remove: number, insert: string | readonly Value[]): Result;
}

/**
 * A text in a record. Positions count UTF-16 code units, as `length`, `slice` and `selectionStart` do; one in the middle
 * of a character is moved to its start. What people type at the same time is merged.
 *
 * Every change throws an `UpdateError` at once when there is no text: put the record with an empty one first.
 */
export interface TextField<Result> {
  /** The text as the view has it; undefined: there is none. */
  readonly value: string | undefined;
  /** Inserts `text` at `at`. */
  insert(at: number, text: string): Result;
  /** Removes `length` code units from `at` on. */
  remove(at: number, length: number): Result;
  /** Makes the text `text` by one splice where the two differ; undefined: they do not. */
  replace(text: string): Result | undefined;
  /**
   * Where `position` in the text `before` is in the text `after`: what was typed before it moves it, what was typed
   * behind it does not. Keeps a caret in place when others type.
   */
  map(position: number, before: string, after: string): number;
}

/** The text that `host` has. */
export function textField<Result>(host: FieldHost<Result>): TextField<Result> {
  const current = () => {
    const value = host.value();
    return typeof value === "string" ? value : undefined;
  };
  const edit = (from: number, to: number, text: string) => {
    const value = current() ?? "";
    // Positions outside the text stay outside, and are refused.
    const points = (units: number) =>
      units < 0
        ? units
        : lengthOf(value.slice(0, boundary(value, units))) + Math.max(0, units - value.length);
    const at = points(from);
    return host.splice(at, points(to) - at, text);
  };
  return {
    get value() {
      return current();
    },
    insert: (at, text) => edit(at, at, text),
    remove: (at, length) => edit(at, at + length, ""),
    replace: (text) => {
      const before = current() ?? "";
      const { start, remove, insert } = textDifference(before, text);
      return before === text ? undefined : edit(start, start + remove, text.slice(start, start + insert));
    },
    map: (position, before, after) => {
      const { start, remove, insert } = textDifference(before, after);
      if (position <= start) return position;
      return position >= start + remove
        ? position - remove + insert
        : start + Math.min(position - start, insert);
    },
  };
}

/** Where two texts differ; never in the middle of a character. */
function textDifference(before: string, after: string): Difference {
  const { start, remove, insert } = difference(
    before,
    after,
    (b, a) => before.charCodeAt(b) === after.charCodeAt(a),
  );
  const first = boundary(before, start);
  const end = before.length - start - remove;
  // Characters that end alike may begin otherwise.
  const cut = end > 0 && isLow(before, start + remove) ? 1 : 0;
  return { start: first, remove: remove + start - first + cut, insert: insert + start - first + cut };
}

/** The start of the character that `at` is in the middle of, or `at`. */
function boundary(text: string, at: number): number {
  return isLow(text, at) && at > 0 && (text.charCodeAt(at - 1) & 0xfc00) === 0xd800 ? at - 1 : at;
}

const isLow = (text: string, at: number) => (text.charCodeAt(at) & 0xfc00) === 0xdc00;
