/** Values and their checksums (sections V and D). */

import { describe, expect, it } from "vitest";
import { Document, keyOf } from "../../src/document.js";
import { pack, unpack } from "../../src/msgpack.js";
import type { ObjectValue, Value } from "../../src/types.js";
import { canonical, sizeOf, toValue } from "../../src/value.js";
import { xxh64 } from "../../src/xxh64.js";
import { hex, unhex, vectors } from "./load.js";

interface Form {
  name: string;
  json: string[];
  msgpack: string[];
  canonical: string;
  size: number;
}

interface Sum {
  name: string;
  text?: string;
  hash?: string;
  records?: [string, string, number, number, number, ObjectValue][];
  texts?: string[];
  hashes?: string[];
  checksum?: string;
}

describe("vectors: values", () => {
  for (const { name, json, msgpack, canonical: text, size } of vectors<Form>("values")) {
    it(`v1 v6 ${name}`, () => {
      const values: Value[] = json.map((text) => JSON.parse(text));
      for (const value of [...values, ...msgpack.map((bytes) => unpack(unhex(bytes)))]) {
        expect(canonical(value)).toBe(text);
        expect(sizeOf(value)).toBe(size);
        expect(toValue(value)).toEqual(unpack(pack(value)));
      }
    });
  }

  it("w3 numbers and headers are written in their shortest form", () => {
    for (const { json, msgpack } of vectors<Form>("values")) {
      const value: Value = JSON.parse(json[0] ?? "");
      const packed = hex(pack(value));
      const shortest = Math.min(...msgpack.map((bytes) => bytes.length));
      // Doubles are never written in single precision.
      if (Number.isInteger(value) || typeof value !== "number") expect(packed.length).toBe(shortest);
    }
  });
});

const hashed = (text: string) => xxh64(new TextEncoder().encode(text)).toString(16).padStart(16, "0");

describe("vectors: checksums", () => {
  for (const vector of vectors<Sum>("checksums")) {
    it(`d8 ${vector.name} ${vector.text ?? ""}`, () => {
      if (vector.text !== undefined) expect(hashed(vector.text)).toBe(vector.hash);
      const document = new Document();
      const { records = [], texts = [], hashes = [], checksum = document.checksum() } = vector;
      expect(records.map((record) => canonical(record))).toEqual(texts);
      expect(texts.map(hashed)).toEqual(hashes);
      for (const [collection, id, version, createdAt, updatedAt, data] of records) {
        document.put(keyOf({ collection, id }), { collection, id, version, createdAt, updatedAt, data });
      }
      expect(document.checksum()).toBe(checksum);
    });
  }
});
