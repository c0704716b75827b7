/** The golden vectors of `protocol/vectors`. */

import { readFileSync } from "node:fs";

/** The vectors of `file`, which has those of type `T`. */
export function vectors<T>(file: string): T[] {
  const url = new URL(`../../../../protocol/vectors/${file}.json`, import.meta.url);
  const { vectors }: { vectors: T[] } = JSON.parse(readFileSync(url, "utf8"));
  return vectors;
}

/** The bytes written in hex. */
export function unhex(text: string): Uint8Array {
  return Uint8Array.from(text.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
}

/** `bytes` in hex. */
export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
