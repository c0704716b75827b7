/** Merges and splices (sections D and S). */

import { describe, expect, it } from "vitest";
import { Concurrent } from "../../src/concurrent.js";
import { editData } from "../../src/edit.js";
import { applySplice } from "../../src/splice.js";
import type { ObjectValue, Splice, Value } from "../../src/types.js";
import { vectors } from "./load.js";

interface Merge {
  data: ObjectValue;
  patch: ObjectValue;
  result: ObjectValue;
}

interface Moved {
  name: string;
  value: Value;
  theirs: Splice[];
  own: Splice[];
  moved: Splice[];
  result: Value;
}

const applied = (value: Value, splices: readonly Splice[]) =>
  splices.reduce((value, splice) => applySplice(value, splice), value);

describe("vectors: merges", () => {
  for (const { data, patch, result } of vectors<Merge>("merges")) {
    it(`d1 ${JSON.stringify(data)} + ${JSON.stringify(patch)}`, () => {
      expect(editData(data, { op: "merge", data: patch })).toEqual(result);
    });
  }
});

for (const file of ["splices", "rebase"]) {
  describe(`vectors: ${file}`, () => {
    for (const { name, value, theirs, own, moved, result } of vectors<Moved>(file)) {
      it(`s3 s4 s5 ${name}`, () => {
        const concurrent = new Concurrent(theirs);
        expect(own.flatMap((splice) => concurrent.rebase(splice))).toEqual(moved);
        expect(applied(applied(value, theirs), moved)).toEqual(result);
      });
    }
  });
}
