/** The codecs: both say the same (section W). */

import { Decoder, encode } from "@msgpack/msgpack";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { toChange } from "../../src/change.js";
import { DecodeError } from "../../src/codec.js";
import { json } from "../../src/codec-json.js";
import { msgpack } from "../../src/codec-msgpack.js";
import { pack, unpack } from "../../src/msgpack.js";
import type { Effect, Operation, ServerMessage, Value } from "../../src/types.js";
import { canonical } from "../../src/value.js";
import { anyKey, anyObject, anyRaws, anyText, anyValue, fit } from "./arbitrary.js";

const on = { collection: "c", id: "i", version: 3 };

const anyEffect: fc.Arbitrary<Effect> = fc.oneof(
  anyObject.map((data) => ({ op: "put" as const, ...on, data })),
  anyObject.map((data) => ({ op: "merge" as const, ...on, data })),
  anyValue.map((value) => ({ op: "set" as const, ...on, path: "/a", value })),
  fc.constant({ op: "unset" as const, ...on, path: "/__proto__" }),
  fc.constant({ op: "delete" as const, ...on }),
  fc
    .tuple(anyText, anyRaws)
    .map(([text, raws]) => fit(text, raws)[0] ?? { at: 0, remove: 0, insert: [text] })
    .map((splice) => ({ op: "splice" as const, ...on, path: "/a/b", ...splice })),
);

/** An operation as MessagePack has it (rule W-3). */
function placed({ rev, clientId, clientReqId, at, changes }: Operation): unknown[] {
  const places = changes.map((effect) => {
    const { op, collection, id, version, ...rest } = effect;
    return [op, collection, id, version, ...Object.values(rest)];
  });
  return [rev, clientId, clientReqId, at, places];
}

const anyDeltas = fc
  .array(fc.array(anyEffect, { maxLength: 3 }), { minLength: 1, maxLength: 4 })
  .map((all) => ({
    type: "SYNC.DELTAS" as const,
    fromRev: 7,
    toRev: 7 + all.length,
    ops: all.map((changes, i) => ({
      rev: 8 + i,
      clientId: "----------------",
      clientReqId: `u${i}`,
      at: 5,
      changes,
    })),
  }));

const anyState = fc.dictionary(anyKey, anyObject).map((records): ServerMessage => {
  const stored = Object.entries(records).map(([id, data]) => [
    id,
    { version: 1, createdAt: 2, updatedAt: 2 ** 41, data },
  ]);
  return {
    type: "SYNC.SNAPSHOT",
    rev: 9,
    epoch: "e",
    part: 0,
    last: true,
    state: { ["__proto__"]: Object.fromEntries(stored) },
  };
});

describe("codecs", () => {
  it("w3 JSON and MessagePack decode to the same deltas", () => {
    fc.assert(
      fc.property(anyDeltas, (message) => {
        const packed = pack({ ...message, ops: message.ops.map(placed) });
        expect(msgpack.decode(packed)).toEqual(message);
        expect(json.decode(JSON.stringify(message))).toEqual(message);
      }),
    );
  });

  it("w3 JSON and MessagePack decode to the same snapshot", () => {
    fc.assert(
      fc.property(anyState, (message) => {
        const [first, second] = [msgpack.decode(pack(message)), json.decode(JSON.stringify(message))];
        expect(first).toEqual(second);
        expect(JSON.stringify(first)).toBe(JSON.stringify(message));
      }),
    );
  });

  it("w3 MessagePack comes back as it went", () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        const back = unpack(pack(value));
        expect(canonical(back)).toBe(canonical(value));
        expect(back).toEqual(value);
      }),
      { numRuns: 500 },
    );
  });

  it("w3 MessagePack is what another implementation writes and reads", () => {
    const decoder = new Decoder();
    fc.assert(
      fc.property(anyValue, (value) => {
        const bytes = encode(value);
        expect(pack(value)).toEqual(bytes);
        // It refuses this key, and takes a byte order mark off long texts.
        if (!canonical(value).includes("__proto__")) expect(decoder.decode(bytes)).toEqual(value);
      }),
      { numRuns: 500 },
    );
  });

  it("w3 strings, arrays and maps of every length of header", () => {
    for (const length of [0, 15, 16, 31, 32, 63, 64, 255, 256, 65_535, 65_536]) {
      const keys = Object.fromEntries(Array.from({ length }, (_, i) => [`k${i}`, i]));
      const values: Value[] = ["a".repeat(length), "é".repeat(length), Array(length).fill(null), keys];
      for (const value of values) {
        expect(Buffer.compare(pack(value), encode(value))).toBe(0);
        expect(canonical(unpack(pack(value)))).toBe(canonical(value));
      }
    }
  });

  it("v1 every number is exact or refused", () => {
    for (const n of [2 ** 53 - 1, 1 - 2 ** 53, 2 ** 32, -(2 ** 32) - 1, 0.1]) expect(unpack(pack(n))).toBe(n);
    for (const n of [2n ** 53n, -(2n ** 53n), 2n ** 64n - 1n, 2n ** 53n + 1n, -(2n ** 63n)]) {
      const bytes = new DataView(new ArrayBuffer(9));
      bytes.setUint8(0, n < 0 ? 0xd3 : 0xcf);
      bytes.setBigInt64(1, n);
      expect(() => unpack(new Uint8Array(bytes.buffer))).toThrow("outside");
    }
    expect(Object.is(unpack(Uint8Array.of(0xcb, 0x80, 0, 0, 0, 0, 0, 0, 0)), 0)).toBe(true);
  });

  it("v2 a byte order mark at the beginning of a text is kept", () => {
    for (const text of ["\ufeff", `\ufeff${"a".repeat(300)}`]) expect(unpack(pack(text))).toBe(text);
  });

  it("v5 a message nests 48 levels", () => {
    const nested = (levels: number) => Uint8Array.from([...Array(levels - 1).fill(0x91), 0x90]);
    expect(canonical(unpack(nested(48)))).toBe("[".repeat(48) + "]".repeat(48));
    expect(() => unpack(nested(49))).toThrow("nested too deeply");
    for (const levels of [48, 100_000]) {
      const text = `{"type":"ACK","clientReqId":"u","rev":1,"new":${"[".repeat(levels)}${"]".repeat(levels)}}`;
      expect(() => json.decode(text)).toThrow(DecodeError);
    }
  });

  it("w4 any bytes are a message or a DecodeError", () => {
    const head = fc.constantFrom([], [0x82, 0xa4, 0x74, 0x79, 0x70, 0x65]);
    fc.assert(
      fc.property(head, fc.uint8Array(), (start, rest) => {
        expect(() => msgpack.decode(Uint8Array.from([...start, ...rest]))).toThrow(DecodeError);
      }),
    );
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(() => json.decode(text)).toThrow(DecodeError);
      }),
    );
    expect(() => json.decode(new Uint8Array())).toThrow(DecodeError);
    expect(() => msgpack.decode("{}")).toThrow(DecodeError);
  });

  it("w4 what is wrong is said in words", () => {
    const words = (message: object) => {
      try {
        json.decode(JSON.stringify(message));
      } catch (error) {
        return `${error}`;
      }
    };
    expect(words({ type: "ACK", clientReqId: 1, rev: 1 })).toMatch("clientReqId must be a string");
    expect(words({ type: "ACK", clientReqId: "u", rev: -1 })).toMatch("rev must be an integer from 0");
    expect(words({ type: "ERROR", code: "NOPE" })).toMatch("code must be one of MALFORMED,");
    expect(words({ type: "LEAVE" })).toMatch("type must be one of JOINED,");
  });

  it("toChange takes what it knows, and refuses what the server would", () => {
    const change = { op: "set", collection: "c", id: "i", path: "/a", value: undefined, extra: 1 };
    expect(() => toChange(change)).toThrow("value must be given");
    expect(toChange({ ...change, value: null })).toStrictEqual({
      op: "set",
      collection: "c",
      id: "i",
      path: "/a",
      value: null,
    });
    expect(() => toChange({ ...change, value: 1, path: "a" })).toThrow(RangeError);
    expect(() => toChange({ ...change, value: 1, id: "a\nb" })).toThrow("id must be 1 to 128 bytes");
    expect(() => toChange({ op: "add", collection: "c", id: "i", path: "/n", by: "1" })).toThrow(
      "by must be a number",
    );
  });
});
