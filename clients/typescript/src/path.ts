/** Paths into a record's data: JSON Pointers (RFC 6901) through objects (rule N-3). */

import type { ObjectValue, Value } from "./types.js";
import { isObject, own, utf8Length } from "./value.js";

/** The keys that `path` names, outermost first. Throws a RangeError when it is no path. */
export function parsePath(path: string): string[] {
  if (utf8Length(path) > 1024 || !/^\/([^~\p{Cs}]|~[01])*$/u.test(path)) {
    throw new RangeError(`path must be a JSON Pointer of at most 1,024 bytes such as "/title", not ${path}`);
  }
  // In this order, so that ~01 is ~1.
  const keyOf = (token: string) => token.replaceAll("~1", "/").replaceAll("~0", "~");
  return path.slice(1).split("/").map(keyOf);
}

/** The value at `path` in `data`. Throws a RangeError when it is no path. */
export function find(data: ObjectValue, path: string): Value | undefined {
  let value: Value | undefined = data;
  for (const key of parsePath(path)) {
    value = isObject(value) ? own(value, key) : undefined;
  }
  return value;
}

/** Whether `path` is `other` or an ancestor of it. */
export function covers(path: string, other: string): boolean {
  return path === other || other.startsWith(`${path}/`);
}

/**
 * `data` with the result of `change` in place of the value at `path`; undefined: nothing is, or is to be, there.
 *
 * Null when nothing can be there: what holds it is missing or no object. What did not change is shared with `data`;
 * `data` itself is returned when nothing did. Throws a RangeError when it is no path.
 */
export function replaceAt(
  data: ObjectValue,
  path: string,
  change: (old: Value | undefined) => Value | undefined,
): ObjectValue | null {
  return replace(data, parsePath(path), change);
}

function replace(
  object: ObjectValue,
  [key = "", ...rest]: readonly string[],
  change: (old: Value | undefined) => Value | undefined,
): ObjectValue | null {
  const old = own(object, key);
  const now = !rest.length ? change(old) : isObject(old) ? replace(old, rest, change) : null;
  if (now === null && rest.length) return null;
  if (now === old) return object;
  const { [key]: _, ...others } = object;
  return now === undefined ? others : { ...object, [key]: now };
}
