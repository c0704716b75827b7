/** Splices against each other (section S): whatever the order, everyone ends with the same value. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Concurrent } from "../../src/concurrent.js";
import { composeSplices } from "../../src/patch.js";
import { applySplice, cross, extentsOf, lengthOf, sliceOf, unitsOf } from "../../src/splice.js";
import type { Splice } from "../../src/types.js";
import { UpdateError } from "../../src/update-error.js";
import { anyRaws, anySequence, anyText, fit, spliced } from "./arbitrary.js";

/** What `own` becomes behind `theirs`. */
function over(theirs: readonly Splice[], own: readonly Splice[]): Splice[] {
  const concurrent = new Concurrent(theirs);
  return own.flatMap((splice) => concurrent.rebase(splice));
}

/** What `theirs`, which have the lower revisions, become behind `own`: the extents, with their insertions put back. */
function theirsOver(own: readonly Splice[], theirs: readonly Splice[]): Splice[] {
  const mine = extentsOf(own);
  let before = mine;
  return theirs.flatMap((their) => {
    const [moved, rest] = cross(before, extentsOf([their]));
    before = moved;
    return rest.map(({ at, remove, insert }) => ({
      at,
      remove,
      insert: insert ? their.insert : their.insert.slice(0, 0),
    }));
  });
}

describe("splices", () => {
  it("s3 s4 both orders converge", () => {
    fc.assert(
      fc.property(anySequence, anyRaws, anyRaws, (value, first, second) => {
        const [theirs, own] = [fit(value, first), fit(value, second)];
        const server = spliced(spliced(value, theirs), over(theirs, own));
        const author = spliced(spliced(value, own), theirsOver(own, theirs));
        expect(author).toEqual(server);
      }),
      { numRuns: 2000 },
    );
  });

  it("s4 of two insertions at one place the lower revision's stands left", () => {
    fc.assert(
      fc.property(anySequence, fc.nat(), fc.string(), (value, place, text) => {
        const at = place % (lengthOf(value) + 1);
        const insert = typeof value === "string" ? `${text}1` : [text, 1];
        const theirs = [{ at, remove: 0, insert }];
        expect(over(theirs, [{ at, remove: 0, insert }])).toEqual([
          { at: at + lengthOf(insert), remove: 0, insert },
        ]);
      }),
    );
  });

  it("s3 s5 rebasing over two operations is rebasing over one and then the other", () => {
    fc.assert(
      fc.property(anySequence, anyRaws, anyRaws, anyRaws, (value, a, b, c) => {
        const first = fit(value, a);
        const second = fit(spliced(value, first), b);
        const own = fit(value, c);
        const once = over([...first, ...second], own);
        const result = spliced(spliced(spliced(value, first), second), once);
        const twice = over(second, over(first, own));
        expect(spliced(spliced(spliced(value, first), second), twice)).toEqual(result);
      }),
    );
  });

  it("s5 a noop moves nothing", () => {
    expect(extentsOf([{ at: 3, remove: 0, insert: "" }])).toEqual([]);
    expect(over([{ at: 0, remove: 0, insert: "xy" }], [{ at: 1, remove: 0, insert: "a" }])).toEqual([
      { at: 3, remove: 0, insert: "a" },
    ]);
  });

  it("s8 composed splices do what they do one by one, from left to right and apart", () => {
    fc.assert(
      fc.property(anySequence, anyRaws, (value, raws) => {
        const splices = fit(value, raws);
        const composed = composeSplices(splices);
        expect(composed === null).toBe(!splices.length);
        expect(spliced(value, composed ?? [])).toEqual(spliced(value, splices));
        let end = -1;
        for (const { at, remove, insert } of composed ?? []) {
          expect(at).toBeGreaterThan(end);
          expect(remove + insert.length).toBeGreaterThan(0);
          end = at + lengthOf(insert);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it("s8 composing is associative", () => {
    fc.assert(
      fc.property(anySequence, anyRaws, anyRaws, (value, a, b) => {
        const first = fit(value, a);
        const second = fit(spliced(value, first), b);
        const parts = [...(composeSplices(first) ?? []), ...(composeSplices(second) ?? [])];
        expect(composeSplices(parts) ?? []).toEqual(composeSplices([...first, ...second]) ?? []);
      }),
    );
  });

  it("s8 what is typed letter by letter is one splice", () => {
    const typed = [..."hé😀"].map((insert, i) => ({ at: 4 + i, remove: 0, insert }));
    expect(composeSplices([...typed, { at: 6, remove: 1, insert: "" }])).toEqual([
      { at: 4, remove: 0, insert: "hé" },
    ]);
    expect(composeSplices([])).toBeNull();
    expect(composeSplices([{ at: 0, remove: 0, insert: "" }])).toEqual([]);
    expect(
      composeSplices([
        { at: 0, remove: 1, insert: "" },
        { at: 0, remove: 0, insert: [1] },
      ]),
    ).toBeNull();
  });

  it("s1 positions are code points, with surrogates and without", () => {
    fc.assert(
      fc.property(anyText, fc.nat(8), fc.nat(8), anyText, (text, from, count, insert) => {
        const points = [...text];
        expect(lengthOf(text)).toBe(points.length);
        const at = Math.min(from, points.length);
        const remove = Math.min(count, points.length - at);
        const expected = [...points.slice(0, at), insert, ...points.slice(at + remove)].join("");
        expect(applySplice(text, { at, remove, insert })).toBe(expected);
        expect(sliceOf(text, at, at + remove)).toBe(points.slice(at, at + remove).join(""));
        expect(unitsOf(text, at)).toBe(points.slice(0, at).join("").length);
      }),
    );
  });

  it("d2 a splice past the end or of another kind does not fit", () => {
    expect(() => applySplice("a😀", { at: 2, remove: 1, insert: "" })).toThrow(UpdateError);
    expect(() => applySplice("a", { at: 2, remove: 0, insert: "" })).toThrow("reaches past the end");
    expect(() => applySplice([1], { at: 0, remove: 2, insert: [] })).toThrow("which has 1 elements");
    expect(() => applySplice([1], { at: 0, remove: 0, insert: "" })).toThrow(
      "must be a string, it is an array",
    );
    expect(() => applySplice(undefined, { at: 0, remove: 0, insert: [] })).toThrow(
      "must be an array, it is nothing",
    );
  });
});
