/** Values taken as what they are to be: each check yields what it has read, or throws an error that names the field. */

import type { Value } from "./types.js";
import { isArray, isObject, own } from "./value.js";

/** Reads what stands under `name`; undefined: nothing does. */
export type Check<T> = (value: Value | undefined, name: string) => T;

/** A check of each field of `T`. */
export type Checks<T> = {
  [K in keyof T]-?: Check<Record<never, never> extends Pick<T, K> ? T[K] | undefined : T[K]>;
};

/** A value for which `test` holds; otherwise the error says that it must be what is `expected`. */
function leaf<T extends Value>(expected: string, test: (value: Value | undefined) => value is T): Check<T> {
  return (value, name) => {
    if (test(value)) return value;
    throw new TypeError(`${name} must be ${expected}`);
  };
}

/** Any value, null too. */
export const any = leaf("given", (value): value is Value => value !== undefined);

/** A string. */
export const text = leaf("a string", (value) => typeof value === "string");

/** A number. */
export const number = leaf("a number", (value) => typeof value === "number");

/** An integer from 0 to 2^53 − 1. */
export const count = leaf(
  "an integer from 0 on",
  (value): value is number => typeof value === "number" && Number.isSafeInteger(value) && value >= 0,
);

/** An object. */
export const object = leaf("an object", isObject);

/** A string or an array. */
export const sequence = leaf(
  "a string or an array",
  (value): value is string | readonly Value[] => typeof value === "string" || isArray(value),
);

/** One of these texts. */
export const oneOf = <T extends string>(texts: readonly T[]): Check<T> =>
  leaf(`one of ${texts}`, (value): value is T => texts.some((one) => one === value));

/** What `check` reads; undefined when it is absent or null (rule W-3). */
export const optional =
  <T>(check: Check<T>): Check<T | undefined> =>
  (value = null, name) =>
    value === null ? undefined : check(value, name);

const boolean = optional(leaf("a boolean", (value) => typeof value === "boolean"));

/** A boolean, false when absent. */
export const flag: Check<boolean> = (value, name) => !!boolean(value, name);

/** A flag that is left out when it is false. */
export const mark: Check<boolean | undefined> = (value, name) => boolean(value, name) || undefined;

const array = leaf("an array", isArray);

/** An array of what `check` reads. */
export const list =
  <T>(check: Check<T>): Check<T[]> =>
  (value, name) =>
    array(value, name).map((item) => check(item, name));

/** An object with, under any keys, what `check` reads. */
export const mapOf =
  <T>(check: Check<T>): Check<{ [key: string]: T }> =>
  (value, name) =>
    Object.fromEntries(Object.entries(object(value, name)).map(([key, inner]) => [key, check(inner, key)]));

/** What stands under `name`, or, by place, at `index`, where an absent one is null (rule W-3). */
function fieldOf(value: Value | undefined, index: number, name: string): Value | undefined {
  if (isArray(value)) return value[index] ?? null;
  return isObject(value) ? own(value, name) : undefined;
}

/**
 * An object with these fields, or an array of them in their order. Others are left out, and so are those that are read
 * as undefined.
 */
export function shape<T extends object>(checks: Checks<T>): Check<T> {
  const fields = Object.entries<Check<unknown>>(checks);
  return (value) => {
    const out: { [name: string]: unknown } = {};
    fields.forEach(([name, check], index) => {
      const read = check(fieldOf(value, index, name), name);
      if (read !== undefined) out[name] = read;
    });
    // The checks have made it one.
    return out as T;
  };
}

/** An object of one of several kinds, which its field `tag` names: with fields common to all, and those of its kind. */
export function union<T extends object, Tag extends keyof T & string, Common extends object>(
  tag: Tag,
  common: Checks<Common>,
  kinds: { [K in T[Tag] & string]: Checks<Omit<Extract<T, { [_ in Tag]: K }>, Tag | keyof Common>> },
): Check<T> {
  const shapes = new Map<string, Check<object>>();
  for (const [kind, checks] of Object.entries<object>(kinds)) {
    shapes.set(kind, shape({ [tag]: any, ...common, ...checks }));
  }
  const kindOf = oneOf([...shapes.keys()]);
  // The checks have made it one.
  return (value) => shapes.get(kindOf(fieldOf(value, 0, tag), tag))?.(value, tag) as T;
}
