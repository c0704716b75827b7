/** MessagePack, as much of it as has the values of JSON (rules V-1 to V-5). */

import type { Value } from "./types.js";
import { MESSAGE_DEPTH } from "./value.js";

const encoder = new TextEncoder();
// A byte order mark is a character like any other.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The MessagePack of `value`, each number and header in its shortest form. Fields that are undefined are left out. */
export function pack(value: unknown): Uint8Array<ArrayBuffer> {
  const out: number[] = [];

  /** `marker` and the integer `n` in `size` bytes, the highest first. */
  const bytes = (marker: number, n: number, size: number) => {
    out.push(marker);
    while (size--) out.push(Math.floor(n / 256 ** size) & 0xff);
  };

  /** How many follow: with the marker `short` below `most`, else in 1, 2 or 4 bytes after `long` and those after it. */
  const head = (n: number, short: number, most: number, long: number) => {
    if (n < most) out.push(short + n);
    // Only strings have a form of one byte.
    else if (n < 0x100 && most > 16) bytes(long, n, 1);
    else if (n < 0x10000) bytes(long + 1, n, 2);
    else bytes(long + 2, n, 4);
  };

  const number = (n: number) => {
    if (!Number.isInteger(n)) {
      const float = new DataView(new ArrayBuffer(8));
      float.setFloat64(0, n);
      out.push(0xcb, ...new Uint8Array(float.buffer));
    } else if (n >= -32 && n < 128) {
      out.push(n & 0xff);
    } else {
      // A signed form must hold one bit more.
      const most = n < 0 ? -2 * n - 1 : n;
      const power = [8, 16, 32].filter((bits) => most >= 2 ** bits).length;
      bytes((n < 0 ? 0xd0 : 0xcc) + power, n, 2 ** power);
    }
  };

  const write = (value: unknown): void => {
    if (typeof value === "number") number(value);
    else if (typeof value === "string") {
      const coded = encoder.encode(value);
      head(coded.length, 0xa0, 32, 0xd9);
      for (const byte of coded) out.push(byte);
    } else if (Array.isArray(value)) {
      head(value.length, 0x90, 16, 0xdb);
      value.forEach(write);
    } else if (typeof value === "object" && value) {
      const entries = Object.entries(value).filter((entry) => entry[1] !== undefined);
      head(entries.length, 0x80, 16, 0xdd);
      entries.flat().forEach(write);
    } else out.push(value === true ? 0xc3 : value === false ? 0xc2 : 0xc0);
  };

  write(value);
  return Uint8Array.from(out);
}

/** The value in `bytes`, and nothing after it. Throws an error that says what is wrong. */
export function unpack(bytes: Uint8Array): Value {
  let at = 0;

  const byte = () => {
    const byte = bytes[at++];
    if (byte === undefined) throw new RangeError("it ends too early");
    return byte;
  };

  /** The integer in the next `size` bytes; with `sign` 24 the highest bit is its sign. Past 2^53 it is about that. */
  const integer = (size: number, sign = 0) => {
    let n = (byte() << sign) >> sign;
    while (--size) n = n * 0x100 + byte();
    return n;
  };

  const float = (size: number) => {
    const view = new DataView(bytes.buffer, bytes.byteOffset + at, size);
    at += size;
    return size > 4 ? view.getFloat64(0) : view.getFloat32(0);
  };

  const text = (length: number) => {
    const end = at + length;
    // The decoder takes its time to begin, and most texts are short and plain.
    let text = "";
    while (length < 64 && at < end && (bytes[at] ?? 0xff) < 0x80) text += String.fromCharCode(byte());
    if (at < end) text += decoder.decode(bytes.subarray(at, end));
    at = end;
    return text;
  };

  /** `length` items of an array, or entries of a map. */
  const parts = (isMap: boolean, length: number, levels: number): Value => {
    if (levels < 1) throw new RangeError("nested too deeply");
    const items: Value[] = [];
    const entries = new Map<string, Value>();
    while (length--) {
      const item = read(isMap ? 0 : levels - 1);
      if (!isMap) items.push(item);
      else if (typeof item === "string" && !entries.has(item)) entries.set(item, read(levels - 1));
      else throw new TypeError("a key that is no string, or stands twice");
    }
    return isMap ? Object.fromEntries(entries) : items;
  };

  /** The next value, which may nest `levels` levels. */
  const read = (levels: number): Value => {
    const head = byte();
    if (head < 0x80) return head;
    if (head > 0xdf) return head - 0x100;
    if (head < 0xa0) return parts(head < 0x90, head & 0xf, levels);
    return head < 0xc0 ? text(head & 0x1f) : long(head, levels);
  };

  /** A value that has more than its head. */
  const long = (head: number, levels: number): Value => {
    // Of every group of four heads the last two bits tell how many bytes follow.
    const size = 2 ** (head & 3);
    if (head > 0xdd) return parts(true, integer(size / 2), levels);
    if (head > 0xdb) return parts(false, integer(size * 2), levels);
    if (head > 0xd8) return text(integer(size / 2));
    if (head < 0xc4 && head !== 0xc1) return head === 0xc0 ? null : head > 0xc2;
    if (head < 0xca || head > 0xd3) throw new TypeError("binary data or an extension");
    return inRange(head < 0xcc ? float(size) : integer(size, head > 0xcf ? 24 : 0));
  };

  const value = read(MESSAGE_DEPTH);
  if (at !== bytes.length) throw new RangeError("bytes after the end");
  return value;
}

function inRange(n: number): number {
  if (Math.abs(n) <= Number.MAX_SAFE_INTEGER) return n + 0;
  throw new RangeError("a number outside ±(2^53 − 1)");
}
