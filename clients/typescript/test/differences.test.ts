import fc from "fast-check";
import { expect, test } from "vitest";
import { positionAfter, splicesBetween } from "../src/react/differences";
import { applySplice } from "../src/splice";
import type { Value } from "../src/types";

const moved = (position: number, before: string, after: string) =>
  positionAfter(splicesBetween(before, after), position, before, after);

test("the splices between two texts make one of the other", () => {
  const text = fc.string({ unit: fc.constantFrom("a", "b", " ", "👍🏽", "é"), maxLength: 20 });
  fc.assert(
    fc.property(text, text, (before, after) => {
      const made = splicesBetween(before, after).reduce<Value>(
        (text, splice) => applySplice(text, splice),
        before,
      );
      expect(made).toBe(after);
    }),
  );
});

test("a caret stays between its letters when others type on both sides of it", () => {
  const word = (unit: string) => fc.string({ unit: fc.constantFrom(...unit), maxLength: 6 });
  fc.assert(
    fc.property(
      word("abc"),
      word("xyz👍"),
      word("XYZ"),
      word("012"),
      word("abc"),
      (start, left, right, end, more) => {
        const before = start + left + right + end;
        const after = `${start}${more}1${left}${right}2${more}${end}`;
        fc.pre(left !== "" && right !== "");
        const at = (start + left).length;
        expect(moved(at, before, after)).toBe(at + more.length + 1);
      },
    ),
  );
});

test("a caret stays in place by what is inserted at it, and goes to where what it stood in was removed", () => {
  expect(moved(5, "Hello world", "Hello, world")).toBe(5);
  expect(moved(6, "Hello world", "Hello, world")).toBe(7);
  expect(moved(3, "Hello", "Ho")).toBe(1);
  expect(moved(5, "Hello", "")).toBe(0);
  expect(moved(0, "", "Hello")).toBe(0);
});

test("long texts that have nothing in common are compared in no time", () => {
  const [before, after] = ["a".repeat(100_000), "b".repeat(100_000)];
  expect(splicesBetween(before, after)).toHaveLength(1);
});
