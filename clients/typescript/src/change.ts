/** Changes as the application gives them. */

import { count, object, optional, union } from "./check.js";
import { OPS, RECORD } from "./ops.js";
import type { Change } from "./types.js";
import { toValue } from "./value.js";

interface On {
  collection: string;
  id: string;
  ifVersion?: number;
}

const change = union<Change, "op", On>("op", { ...RECORD, ifVersion: optional(count) }, OPS);

/**
 * What the application gave as a change: a copy, its values as {@link toValue} takes them, without fields that it has not.
 *
 * Throws a TypeError or RangeError that says what is wrong with it.
 */
export function toChange(input: unknown): Change {
  return change(object(toValue(input), "a change"), "a change");
}
