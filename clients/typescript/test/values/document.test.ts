/** Documents, and the changes of one operation above them (section D). */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { applyEffects, Document, keyOf, Overlay } from "../../src/document.js";
import { editData, replacesValue } from "../../src/edit.js";
import { covers, find, replaceAt } from "../../src/path.js";
import type { Effect, ObjectValue, Rec } from "../../src/types.js";
import { UpdateError } from "../../src/update-error.js";
import { canonical, equal } from "../../src/value.js";
import { anyKey, anyObject, anyValue } from "./arbitrary.js";

const record = (collection: string, id: string, data: ObjectValue, version = 1): Rec => ({
  collection,
  id,
  version,
  createdAt: 1,
  updatedAt: version,
  data,
});

const anyEffect: fc.Arbitrary<Effect> = fc
  .tuple(
    fc.constantFrom("a", "__proto__"),
    fc.constantFrom("1", "2", "3", "constructor"),
    anyObject,
    fc.nat(9),
  )
  .chain(([collection, id, data, version]) => {
    const on = { collection, id, version };
    return fc.constantFrom<Effect>(
      { op: "put", ...on, data },
      { op: "merge", ...on, data },
      { op: "set", ...on, path: "/a", value: data },
      { op: "unset", ...on, path: "/b" },
      { op: "delete", ...on },
    );
  });

const anyOperations = fc.array(fc.array(anyEffect, { minLength: 1, maxLength: 3 }), { maxLength: 12 });

/** Applies operations to `base` as far as they fit. */
function run(operations: readonly (readonly Effect[])[], base: Document | Overlay): void {
  operations.forEach((effects, at) => {
    try {
      const { changed } = applyEffects(base, effects, at);
      for (const [key, record] of changed) base.put(key, record);
    } catch (error) {
      expect(error).toBeInstanceOf(UpdateError);
    }
  });
}

/** What `document` keeps beside its records is what they are. */
function check(document: Document): void {
  const records = [...document.records()];
  const names = [...new Set(records.map(({ collection }) => collection))];
  expect([...document.collections()].sort()).toEqual(names.sort());
  for (const name of names) {
    const ids = records.filter(({ collection }) => collection === name).map(({ id }) => id);
    expect(document.collection(name).map(({ id }) => id)).toEqual(ids.sort());
    for (const record of document.collection(name)) expect(document.get(keyOf(record))).toBe(record);
  }
}

describe("documents", () => {
  it("an overlay's commit is direct application", () => {
    fc.assert(
      fc.property(anyOperations, anyOperations, (before, after) => {
        const direct = new Document();
        run(before, direct);
        const laid = direct.clone();
        const overlay = new Overlay(laid);
        run(after, overlay);
        const checksum = laid.checksum();
        run(after, direct);
        expect(laid.checksum()).toBe(checksum);
        for (const [key, record] of overlay.changed) laid.put(key, record);
        expect(laid.checksum()).toBe(direct.checksum());
        expect([...laid.records()].map((record) => canonical(record.data)).sort()).toEqual(
          [...direct.records()].map((record) => canonical(record.data)).sort(),
        );
        check(laid);
        check(direct);
      }),
    );
  });

  it("d8 the checksum does not depend on the order, and sums past 2^64", () => {
    const ids = Array.from({ length: 50 }, (_, i) => `${i}`);
    const [first, second] = [new Document(), new Document()];
    for (const id of ids) first.put(keyOf({ collection: "c", id }), record("c", id, { n: id }));
    for (const id of ids.reverse()) second.put(keyOf({ collection: "c", id }), record("c", id, { n: id }));
    expect(first.checksum()).toBe(second.checksum());
    expect(first.checksum()).toMatch(/^[0-9a-f]{16}$/);
  });

  it("a collection is the same array until a record in it changes, and a clone is apart", () => {
    const document = new Document();
    for (const id of ["b", "a"]) document.put(keyOf({ collection: "c", id }), record("c", id, {}));
    const before = document.collection("c");
    expect(before.map(({ id }) => id)).toEqual(["a", "b"]);
    document.put("d\n1", record("d", "1", {}));
    expect(document.collection("c")).toBe(before);
    const clone = document.clone();
    clone.put("c\na", record("c", "a", { x: 1 }, 2));
    expect(document.collection("c")).toBe(before);
    expect(clone.collection("c")).not.toBe(before);
    expect(clone.collection("c")[1]).toBe(before[1]);
    document.put("c\nb", undefined);
    expect(before.length).toBe(2);
    expect(document.collection("c").map(({ id }) => id)).toEqual(["a"]);
    expect(document.collection("none")).toBe(document.collection("nothing"));
  });

  it("d4 d5 d6 versions and times of an operation", () => {
    const document = new Document();
    document.put("c\n1", record("c", "1", { a: 1 }, 4));
    const on = { collection: "c", id: "1", version: 5 };
    const { changed } = applyEffects(
      document,
      [
        { op: "delete", ...on },
        { op: "put", ...on, data: { b: 1 } },
        { op: "put", ...on, id: "2", version: 1, data: {} },
        { op: "delete", ...on, id: "2", version: 1 },
      ],
      77,
    );
    expect(changed.get("c\n1")).toEqual({ ...on, createdAt: 77, updatedAt: 77, data: { b: 1 } });
    expect([...changed]).toContainEqual(["c\n2", undefined]);
    const kept = applyEffects(document, [{ op: "put", ...on, data: { a: 1 } }], 78).changed.get("c\n1");
    expect(kept?.createdAt).toBe(1);
    expect(kept?.data).toBe(document.get("c\n1")?.data);
  });

  it("d2 a misfit names its code", () => {
    const caught = (effect: Effect) => {
      try {
        applyEffects(new Document(), [effect], 1);
      } catch (error) {
        return error;
      }
    };
    const on = { collection: "c", id: "1", version: 1 };
    expect(caught({ op: "delete", ...on })).toMatchObject({ code: "NOT_FOUND" });
    expect(caught({ op: "unset", ...on, path: "/a" })).toMatchObject({ code: "NOT_FOUND" });
  });
});

describe("edits", () => {
  it("share what they do not change", () => {
    const data: ObjectValue = { a: { b: { c: 1 } }, other: { x: [1] } };
    const edited = editData(data, { op: "set", path: "/a/b/c", value: 2 });
    expect(edited).toEqual({ a: { b: { c: 2 } }, other: { x: [1] } });
    expect(edited.other).toBe(data.other);
    expect(data.a).toEqual({ b: { c: 1 } });
    expect(editData(data, { op: "set", path: "/other", value: { x: [1] } })).toBe(data);
    expect(editData(data, { op: "unset", path: "/missing" })).toBe(data);
    expect(editData(data, { op: "merge", data: { a: { b: {} }, missing: null } })).toBe(data);
  });

  it("d1 what is set is found, and what is unset is not, under any key", () => {
    fc.assert(
      fc.property(
        anyObject,
        fc.array(anyKey, { minLength: 1, maxLength: 3 }),
        anyValue,
        (data, keys, value) => {
          const path = keys.map((key) => `/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
          const holder = keys.slice(0, -1).reduceRight<ObjectValue>((inner, key) => ({ [key]: inner }), {});
          const base = editData(data, { op: "merge", data: holder });
          const set = editData(base, { op: "set", path, value });
          expect(equal(find(set, path), value)).toBe(true);
          expect(find(editData(set, { op: "unset", path }), path)).toBeUndefined();
          expect(Object.getPrototypeOf(set)).toBe(Object.prototype);
        },
      ),
    );
  });

  it("d1 d2 sums are exact, and what does not fit is refused", () => {
    const data = { n: 2 ** 53 - 2, half: 0.5, text: "a", none: null };
    expect(editData(data, { op: "add", path: "/n", by: 1 }).n).toBe(2 ** 53 - 1);
    expect(Object.is(editData(data, { op: "add", path: "/half", by: -0.5 }).half, 0)).toBe(true);
    expect(editData(data, { op: "add", path: "/new", by: 3 }).new).toBe(3);
    expect(() => editData(data, { op: "add", path: "/n", by: 2 })).toThrow("the sum at /n is outside");
    expect(() => editData(data, { op: "add", path: "/text", by: 2 })).toThrow(
      "must be a number, it is a string",
    );
    expect(() => editData(data, { op: "add", path: "/none", by: 2 })).toThrow("it is null");
    expect(() => editData(data, { op: "set", path: "/text/a", value: 1 })).toThrow(
      "nothing can be at /text/a",
    );
    expect(() => editData(data, { op: "unset", path: "/constructor/a" })).toThrow(UpdateError);
    expect(replaceAt(data, "/none/a", () => 1)).toBeNull();
  });

  it("s6 what replaces the value at a path", () => {
    const path = "/a/b";
    expect(replacesValue({ op: "put", data: {} }, path)).toBe(true);
    expect(replacesValue({ op: "delete" }, path)).toBe(true);
    expect(replacesValue({ op: "merge", data: { a: { c: 1 } } }, path)).toBe(false);
    expect(replacesValue({ op: "merge", data: { a: { b: {} } } }, path)).toBe(true);
    expect(replacesValue({ op: "merge", data: { a: null } }, path)).toBe(true);
    expect(replacesValue({ op: "merge", data: { a: { b: null } } }, path)).toBe(true);
    expect(replacesValue({ op: "set", path: "/a", value: 1 }, path)).toBe(true);
    expect(replacesValue({ op: "set", path: "/a/bc", value: 1 }, path)).toBe(false);
    expect(replacesValue({ op: "unset", path }, path)).toBe(true);
    expect(replacesValue({ op: "splice", path, at: 0, remove: 1, insert: "" }, path)).toBe(false);
    expect(covers("/a", "/ab")).toBe(false);
  });
});
