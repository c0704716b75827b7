/** Messages in JSON and MessagePack (section W). */

import { describe, expect, it } from "vitest";
import { toChange } from "../../src/change.js";
import { DecodeError } from "../../src/codec.js";
import { json } from "../../src/codec-json.js";
import { msgpack } from "../../src/codec-msgpack.js";
import { unpack } from "../../src/msgpack.js";
import type { ClientMessage, ServerMessage, Value } from "../../src/types.js";
import { isArray, isObject, toValue } from "../../src/value.js";
import { hex, unhex, vectors } from "./load.js";

interface Both<T> {
  name: string;
  json: T;
  msgpack: string;
}

interface Input {
  name: string;
  from: "client" | "server";
  json?: string;
  msgpack?: string;
  means?: ServerMessage;
  code?: string;
  clientReqId?: string;
}

const decoded = (input: Input) =>
  input.json === undefined ? msgpack.decode(unhex(input.msgpack ?? "")) : json.decode(input.json);

describe("vectors: messages of clients", () => {
  for (const vector of vectors<Both<ClientMessage>>("client")) {
    it(`w3 ${vector.name}`, () => {
      const packed = msgpack.encode(vector.json);
      expect(typeof packed === "string" ? packed : hex(packed)).toBe(vector.msgpack);
      expect(JSON.parse(`${json.encode(vector.json)}`)).toEqual(vector.json);
      if (vector.json.type === "UPDATE") {
        expect(vector.json.changes.map(toChange)).toEqual(vector.json.changes);
      }
    });
  }
});

describe("vectors: messages of servers", () => {
  for (const vector of vectors<Both<ServerMessage>>("server")) {
    it(`w3 ${vector.name}`, () => {
      expect(json.decode(JSON.stringify(vector.json))).toEqual(vector.json);
      expect(msgpack.decode(unhex(vector.msgpack))).toEqual(vector.json);
    });
  }
});

describe("vectors: lenient", () => {
  for (const input of vectors<Input>("lenient").filter(({ from }) => from === "server")) {
    it(`w2 w3 ${input.name} ${input.json ? "in JSON" : "in MessagePack"}`, () => {
      expect(decoded(input)).toEqual(input.means);
    });
  }
});

/** The values and changes of a message, as a client makes them. */
function made(message: Value): void {
  toValue(message);
  if (isObject(message) && isArray(message.changes)) message.changes.forEach(toChange);
}

/** Whether a client can come to such a value or change: a key twice and another message than the types allow it cannot. */
function canBeMade({ name, json, code, clientReqId }: Input): boolean {
  const value = code === "MALFORMED" && json !== undefined && !name.endsWith("twice");
  return (
    value ||
    (clientReqId !== undefined && !/^UPDATE|^a (base|first)Rev|^a change that is no array/.test(name))
  );
}

describe("vectors: invalid", () => {
  for (const input of vectors<Input>("invalid")) {
    const title = `${input.name}: ${input.json ?? input.msgpack}`;
    const parsed = () =>
      input.json === undefined ? unpack(unhex(input.msgpack ?? "")) : JSON.parse(input.json);
    if (input.from === "server") {
      it(`w4 ${title}`, () => expect(() => decoded(input)).toThrow(DecodeError));
    } else if (input.msgpack !== undefined && input.code === "MALFORMED") {
      it(`v w4 MessagePack refuses ${title}`, () => expect(parsed).toThrow());
    } else if (canBeMade(input)) {
      it(`v n w4 never sent: ${title}`, () => expect(() => made(parsed())).toThrow());
    }
  }
});
