/** Values: their one form, their size, and what the application gives made into one (rules V-1 to V-6). */

import type { ObjectValue, Value } from "./types.js";

/** Nesting levels of a message, the outermost object being the first (rule V-5). */
export const MESSAGE_DEPTH = 48;

/** Whether `value` is an array. */
export function isArray(value: Value | undefined): value is readonly Value[] {
  return Array.isArray(value);
}

/** Whether `value` is an object, neither null nor an array. */
export function isObject(value: Value | undefined): value is ObjectValue {
  return typeof value === "object" && value !== null && !isArray(value);
}

/** What stands under `key`: never what objects inherit, such as `constructor`. */
export function own(object: ObjectValue, key: string): Value | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

/** The canonical text of `value` (RFC 8785). */
export function canonical(value: Value): string {
  if (isArray(value)) return `[${value.map(canonical)}]`;
  if (!isObject(value)) return JSON.stringify(value);
  const entries = Object.keys(value)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonical(value[key] ?? null)}`);
  return `{${entries}}`;
}

/** Bytes of `text` in UTF-8. */
export function utf8Length(text: string): number {
  let bytes = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    // The two halves of a pair are four bytes together.
    bytes += unit < 0x80 ? 1 : unit < 0x800 || (unit & 0xf800) === 0xd800 ? 2 : 3;
  }
  return bytes;
}

/** The size of a string (rule V-6). */
export function stringSize(text: string): number {
  return 3 + utf8Length(JSON.stringify(text));
}

/** The size of `value` (rule V-6). */
export function sizeOf(value: Value): number {
  if (typeof value === "string") return stringSize(value);
  if (typeof value === "number") return Number.isInteger(value) ? `${value}`.length : 25;
  if (isArray(value)) return value.reduce<number>((size, item) => size + 1 + sizeOf(item), 5);
  if (!isObject(value)) return value === null ? 4 : 5;
  return Object.keys(value).reduce(
    (size, key) => size + 2 + stringSize(key) + sizeOf(value[key] ?? null),
    128,
  );
}

/** Nesting levels: 0 for a scalar, 1 for an object or array of scalars. */
export function depthOf(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  let deepest = 0;
  for (const inner of Object.values(value)) deepest = Math.max(deepest, depthOf(inner));
  return 1 + deepest;
}

/** Whether both have the same canonical form, or neither is there. */
export function equal(a: Value | undefined, b: Value | undefined): boolean {
  if (a === b) return true;
  if (isArray(a)) {
    return isArray(b) && a.length === b.length && a.every((item, i) => equal(item, b[i]));
  }
  if (!isObject(a) || !isObject(b)) return false;
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && equal(a[key], b[key]))
  );
}

/** Whether `text` has a surrogate without its other half (rule V-2). */
export function isBroken(text: string): boolean {
  return /\p{Cs}/u.test(text);
}

/**
 * What the application gave, as a value: a deep copy in which −0 is 0 and fields that are undefined are left out.
 *
 * Throws a TypeError that names the place, such as `/title`, of what is not JSON: NaN, a number outside ±(2^53 − 1),
 * a lone surrogate, a function, a Date or another class's object, a cycle.
 */
export function toValue(input: unknown): Value {
  return copy(input, "", MESSAGE_DEPTH);
}

function copy(input: unknown, place: string, levels: number): Value {
  const refuse = (problem: string) => new TypeError(`${place || "the value"}: ${problem}`);
  if (typeof input === "boolean" || input === null) return input;
  if (typeof input === "number") {
    if (Math.abs(input) <= Number.MAX_SAFE_INTEGER) return input + 0;
    throw refuse(`${input} is outside ±(2^53 − 1)`);
  }
  if (typeof input === "string") {
    if (isBroken(input)) throw refuse("a lone surrogate");
    return input;
  }
  if (typeof input !== "object") throw refuse(`${typeof input} is not JSON`);
  if (levels < 1) throw refuse("nested too deeply");
  if (Array.isArray(input)) {
    return Array.from(input, (item: unknown, i) => copy(item, `${place}/${i}`, levels - 1));
  }
  if (!isPlain(input)) throw refuse("neither a plain object nor an array");
  const entries: [string, unknown][] = Object.entries(input);
  // These become own fields, whatever they are called.
  return Object.fromEntries(
    entries.flatMap(([key, value]) => {
      copy(key, `${place}/a key`, levels);
      return value === undefined ? [] : [[key, copy(value, `${place}/${key}`, levels - 1)]];
    }),
  );
}

/** Whether `object` was written as a literal, in this realm or another: its prototype is the last one. */
function isPlain(object: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(object);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
