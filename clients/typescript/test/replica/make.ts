/** The changes that numbers stand for: what numbers choose among depends on the view. */

import fc from "fast-check";
import type { Document } from "../../src/document.js";
import { find } from "../../src/path.js";
import { lengthOf } from "../../src/splice.js";
import type { Change, ObjectValue, Value } from "../../src/types.js";

const OPS = ["put", "merge", "set", "unset", "delete", "add", "splice"] as const;
type Op = (typeof OPS)[number];

/** One change, in numbers. */
export interface Make {
  readonly record: number;
  readonly op: Op;
  readonly field: number;
  readonly at: number;
  readonly remove: number;
  readonly value: number;
  /** It carries the version the author sees. */
  readonly conditional: boolean;
}

/** How often each kind of change is made. */
export type Weights = { readonly [op in Op]?: number };

export const ALL: Weights = { put: 3, merge: 2, set: 3, unset: 1, delete: 1, add: 2, splice: 8 };
export const TYPING: Weights = { splice: 30, set: 1, put: 1 };

export function makes(weights: Weights): fc.Arbitrary<Make> {
  const op = fc.oneof(...OPS.map((name) => ({ weight: weights[name] ?? 0, arbitrary: fc.constant(name) })));
  const byte = fc.nat(255);
  return fc.record({
    record: fc.nat(3),
    op,
    field: fc.nat(5),
    at: byte,
    remove: fc.nat(3),
    value: byte,
    conditional: fc.integer({ min: 1, max: 10 }).map((n) => n === 1),
  });
}

const FIELDS = ["/t", "/l", "/n", "/o/t", "/o", "/o/l"];
const WORDS = ["", "a", "bc", "é", "e\u0301", "😀", "x𝄞y", '\n"\\\u0001'];
const NUMBERS = [0, 1, -1, 2 ** 53 - 1, 1 - 2 ** 53, 2 ** 53 - 2, 2 ** 32, -(2 ** 31), 0.1, -1e-300, 5e-324];

function pick<T>(from: readonly T[], n: number): T {
  const found = from[n % from.length];
  if (found === undefined) throw new Error("nothing to choose from");
  return found;
}

/** The change that `make` stands for in `view`, if there is one. */
export function changeOf(make: Make, view: Document): Change | undefined {
  const collection = pick(["notes", "lists"], make.record >> 1);
  const id = pick(["a", "b"], make.record);
  const record = view.get(`${collection}\n${id}`);
  const on = { collection, id, ...(make.conditional && { ifVersion: record?.version ?? 0 }) };
  const path = pick(FIELDS, make.field);
  // What does not exist is mostly created first.
  if (make.op === "put" || (!record && make.at > 20)) return { op: "put", ...on, data: data(make.value) };
  switch (make.op) {
    case "merge":
      return { op: "merge", ...on, data: patch(make.value) };
    case "set":
      return { op: "set", ...on, path, value: value(make.value) };
    case "unset":
      return { op: "unset", ...on, path };
    case "delete":
      return { op: "delete", ...on };
    case "add":
      return { op: "add", ...on, path: "/n", by: pick(NUMBERS, make.value) };
    case "splice":
      return record && spliceOf(make, on, [path, ...FIELDS], record.data);
  }
}

/** A splice of the first of `paths` that leads to a string or an array. */
function spliceOf(
  make: Make,
  on: { collection: string; id: string; ifVersion?: number },
  paths: readonly string[],
  data: ObjectValue,
): Change | undefined {
  for (const path of paths) {
    const old = find(data, path);
    if (typeof old !== "string" && !isList(old)) continue;
    const length = lengthOf(old);
    const at = make.at % (length + 1);
    const items = Array.from({ length: make.value % 3 }, () => item(make.value));
    const insert = typeof old === "string" ? pick(WORDS, make.value) : items;
    return { op: "splice", ...on, path, at, remove: Math.min(make.remove, length - at), insert };
  }
  return undefined;
}

function isList(value: Value | undefined): value is readonly Value[] {
  return Array.isArray(value);
}

function item(n: number): Value {
  return pick<() => Value>(
    [() => null, () => true, () => pick(NUMBERS, n), () => pick(WORDS, n), () => ({ k: pick(NUMBERS, n) })],
    n,
  )();
}

function value(n: number): Value {
  if (n % 6 === 0) return pick(WORDS, Math.floor(n / 6));
  if (n % 6 === 1) return [item(n), pick(WORDS, n)];
  return n % 6 === 2 ? { t: pick(WORDS, n), l: [] } : item(n);
}

function data(n: number): ObjectValue {
  return { t: pick(WORDS, n), l: [item(n)], n: pick(NUMBERS, n), o: value(2) };
}

function patch(n: number): ObjectValue {
  const field = pick(["t", "l", "n", "o"], n);
  if (n % 3 === 0) return { [field]: null };
  return n % 3 === 1 ? { o: { t: item(n) } } : { [field]: value(n) };
}
