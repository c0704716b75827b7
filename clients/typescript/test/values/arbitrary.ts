/** Values, splices and edits at random. */

import fc from "fast-check";
import { applySplice, lengthOf, type Sequence } from "../../src/splice.js";
import type { ObjectValue, Splice, Value } from "../../src/types.js";

/** One character each: ASCII, composed, combining, astral, a byte order mark, a joiner, right to left. */
const character = fc.constantFrom("a", "b", "é", "\u0301", "😀", "𝄞", "\ufeff", "\u200d", "א", "\n", '"');

/** Text of few characters, many of them beyond the first 2^16. */
export const anyText = fc.string({ unit: character, maxLength: 8 });

/** Keys, those that objects inherit things under among them. */
export const anyKey = fc.oneof(
  anyText,
  fc.constantFrom("", "__proto__", "constructor", "toString", "hasOwnProperty", "a", "b", "0", "1"),
);

const anyNumber = fc.oneof(
  fc.maxSafeInteger(),
  fc.integer({ min: -300, max: 70_000 }),
  fc.constantFrom(2 ** 31, -(2 ** 31), 2 ** 32, -(2 ** 32), 2 ** 53 - 1, 1 - 2 ** 53, 0.5, 1e-7),
  fc
    .double({ noNaN: true, noDefaultInfinity: true })
    .filter((n) => Math.abs(n) < 2 ** 53 && !Object.is(n, -0)),
);

const { object, value } = fc.letrec<{ object: ObjectValue; value: Value; array: Value[] }>((tie) => ({
  // Made of entries, so that __proto__ is a key like any other.
  object: fc
    .uniqueArray(fc.tuple(anyKey, tie("value")), { maxLength: 6, selector: ([key]) => key })
    .map((entries) => Object.fromEntries(entries)),
  array: fc.array(tie("value"), { maxLength: 5 }),
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.oneof(fc.constant(null), fc.boolean(), anyNumber, anyText, fc.string({ unit: "grapheme" })),
    tie("array"),
    tie("object"),
  ),
}));

/** Any object. */
export const anyObject = object;

/** Any value. */
export const anyValue = value;

/** A string or an array. */
export const anySequence: fc.Arbitrary<Sequence> = fc.oneof(
  fc.string({ unit: character, maxLength: 10 }),
  fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 10 }),
);

/** Where a splice is, how much it removes and what it inserts, before it is fitted to a value. */
export type Raw = readonly [at: number, remove: number, insert: string];

/** The splices of one author, to be fitted. */
export const anyRaws = fc.array(
  fc.tuple(fc.nat(60), fc.oneof(fc.nat(3), fc.nat(12)), fc.string({ unit: character, maxLength: 3 })),
  { maxLength: 4 },
);

/** `raws` as splices of `value`, each within the result of those before it. */
export function fit(value: Sequence, raws: readonly Raw[]): Splice[] {
  const splices: Splice[] = [];
  let now = value;
  for (const [at, remove, text] of raws) {
    const length = lengthOf(now);
    const start = at % (length + 1);
    const insert = typeof value === "string" ? text : [...text];
    splices.push({ at: start, remove: Math.min(remove, length - start), insert });
    now = spliced(value, splices);
  }
  return splices;
}

/** `value` with `splices` made on it, each relative to the result of those before it. */
export function spliced(value: Sequence, splices: readonly Splice[]): Sequence {
  let now: Value = value;
  for (const splice of splices) now = applySplice(now, splice);
  if (typeof now === "string" || Array.isArray(now)) return now;
  throw new Error("a splice leaves a sequence");
}
