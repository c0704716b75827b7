/** Names and paths (section N). */

import { describe, expect, it } from "vitest";
import { checkName, type NameKind } from "../../src/names.js";
import { parsePath } from "../../src/path.js";
import { vectors } from "./load.js";

interface Named {
  name: string;
  valid?: string[];
  invalid?: string[];
  path?: string;
  tokens?: string[];
}

/** Those that a server alone makes, and that clients take as they are. */
const OPAQUE = ["epoch", "clientId", "identity"];

describe("vectors: names", () => {
  for (const vector of vectors<Named>("names")) {
    if (OPAQUE.includes(vector.name)) continue;
    it(`n1 n2 n3 ${vector.name} ${vector.path ?? ""}`, () => {
      if (vector.path !== undefined) expect(parsePath(vector.path)).toEqual(vector.tokens);
      const kind = vector.name;
      const check = (text: string) => (kind === "path" ? parsePath(text) : checkName(kind as NameKind, text));
      for (const text of vector.valid ?? []) check(text);
      for (const text of vector.invalid ?? []) expect(() => check(text), text).toThrow(RangeError);
    });
  }
});
