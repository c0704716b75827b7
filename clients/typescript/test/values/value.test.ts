/** Values: one form, one size, equality, and what the application gives (section V). */

import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { replaceAt } from "../../src/path.js";
import type { Value } from "../../src/types.js";
import { canonical, depthOf, equal, own, sizeOf, toValue, utf8Length } from "../../src/value.js";
import { anyKey, anyObject, anyText, anyValue } from "./arbitrary.js";

/** `value` with the entries of its objects the other way round. */
function reversed(value: Value): Value {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([key, inner]) => [key, reversed(inner)] as const);
  return Object.fromEntries(entries.reverse());
}

describe("values", () => {
  it("v6 the canonical form is JSON of the same value, whatever the order of keys", () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        const text = canonical(value);
        expect(JSON.parse(text)).toEqual(value);
        expect(canonical(JSON.parse(text))).toBe(text);
        expect(canonical(reversed(value))).toBe(text);
      }),
    );
  });

  it("v6 equal values are those of one canonical form", () => {
    fc.assert(
      fc.property(anyValue, anyValue, (a, b) => {
        expect(equal(a, reversed(a))).toBe(true);
        expect(equal(a, b)).toBe(canonical(a) === canonical(b));
        expect(equal(a, undefined)).toBe(false);
      }),
      { numRuns: 500 },
    );
    expect(equal(undefined, undefined)).toBe(true);
    expect(equal({ ["__proto__"]: 1 }, { a: 1 })).toBe(false);
    expect(equal({ constructor: 1 }, {})).toBe(false);
    expect(equal([], {})).toBe(false);
  });

  it("v6 the size is never less than the canonical text", () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        expect(sizeOf(value)).toBeGreaterThanOrEqual(new TextEncoder().encode(canonical(value)).length);
      }),
    );
  });

  it("v6 bytes of a text are those of UTF-8", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(utf8Length(text)).toBe(Buffer.byteLength(text));
      }),
    );
  });

  it("v5 depth counts the outermost", () => {
    expect([1, "a", [], {}, [[]], { a: [{}] }].map(depthOf)).toEqual([0, 0, 1, 1, 2, 3]);
  });

  it("toValue copies what is a value", () => {
    fc.assert(
      fc.property(anyObject, (value) => {
        const copy = toValue(value);
        expect(canonical(copy)).toBe(canonical(value));
        expect(copy).not.toBe(value);
      }),
    );
    expect(toValue({ a: undefined, b: null, c: -0 })).toStrictEqual({ b: null, c: 0 });
    expect(toValue(Object.assign(Object.create(null), { a: 1 }))).toStrictEqual({ a: 1 });
    expect(toValue(runInNewContext("({ a: [1, { b: 2 }] })"))).toStrictEqual({ a: [1, { b: 2 }] });
  });

  it("v1 v2 toValue names the place of what is no value", () => {
    const circle: { again?: unknown } = {};
    circle.again = circle;
    const refused: [unknown, RegExp][] = [
      [{ title: Number.NaN }, /^\/title: NaN is outside/],
      [{ a: [1, { b: Number.POSITIVE_INFINITY }] }, /^\/a\/1\/b: Infinity/],
      [2 ** 53, /^the value: 9007199254740992 is outside ±\(2\^53 − 1\)/],
      [{ f: () => 1 }, /^\/f: function is not JSON/],
      [{ f: Symbol("s") }, /symbol is not JSON/],
      [{ n: 1n }, /bigint is not JSON/],
      [{ due: new Date(0) }, /^\/due: neither a plain object nor an array/],
      [new Map(), /neither a plain object/],
      [[1, undefined], /^\/1: undefined is not JSON/],
      // biome-ignore lint/suspicious/noSparseArray: a hole is what is looked at
      [[1, , 2], /^\/1: undefined is not JSON/],
      [{ a: "\ud800" }, /^\/a: a lone surrogate/],
      [{ "\udc00": 1 }, /^\/a key: a lone surrogate/],
      [circle, /nested too deeply/],
    ];
    for (const [input, problem] of refused) {
      expect(() => toValue(input)).toThrow(TypeError);
      expect(() => toValue(input)).toThrow(problem);
    }
  });

  it("keys that objects inherit things under are keys like any other", () => {
    fc.assert(
      fc.property(anyKey, anyValue, (key, value) => {
        const path = `/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`;
        const empty = {};
        expect(own(empty, key)).toBeUndefined();
        const object = replaceAt(empty, path, () => value) ?? {};
        expect(Object.keys(object)).toEqual([key]);
        expect(own(object, key)).toBe(value);
        expect(Object.getPrototypeOf(object)).toBe(Object.prototype);
        expect(Object.keys(toValue(object) ?? {})).toEqual([key]);
        expect(Object.keys(replaceAt(object, path, () => undefined) ?? { not: 0 })).toEqual([]);
      }),
    );
  });
});
