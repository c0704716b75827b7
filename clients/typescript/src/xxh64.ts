/** XXH64 with seed 0, which records are summed by (rule D-8). */

const P1 = 0x9e3779b185ebca87n;
const P2 = 0xc2b2ae3d27d4eb4fn;
const P3 = 0x165667b19e3779f9n;
const P4 = 0x85ebca77c2b2ae63n;
const P5 = 0x27d4eb2f165667c5n;

const wrap = (word: bigint) => BigInt.asUintN(64, word);
const turn = (word: bigint, bits: bigint) => wrap(word << bits) | (word >> (64n - bits));
const round = (word: bigint, input: bigint) => wrap(turn(wrap(word + input * P2), 31n) * P1);

/** The hash of `bytes`, of 64 bits. */
export function xxh64(bytes: Uint8Array): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const word = (at: number) => view.getBigUint64(at, true);
  const end = bytes.length;
  let at = 0;
  let hash = P5;
  const mix = (input: bigint, bits: bigint, by: bigint, plus: bigint) => {
    hash = wrap(turn(hash ^ wrap(input), bits) * by + plus);
  };
  if (end >= 32) {
    let [a, b, c, d] = [P2, P2, 0n, 0n];
    a += P1;
    d -= P1;
    for (; at + 32 <= end; at += 32) {
      a = round(a, word(at));
      b = round(b, word(at + 8));
      c = round(c, word(at + 16));
      d = round(d, word(at + 24));
    }
    hash = wrap(turn(a, 1n) + turn(b, 7n) + turn(c, 12n) + turn(d, 18n));
    for (const lane of [a, b, c, d]) mix(round(0n, lane), 0n, P1, P4);
  }
  hash = wrap(hash + BigInt(end));
  for (; at + 8 <= end; at += 8) mix(round(0n, word(at)), 27n, P1, P4);
  if (at + 4 <= end) {
    mix(BigInt(view.getUint32(at, true)) * P1, 23n, P2, P3);
    at += 4;
  }
  for (; at < end; at++) mix(BigInt(view.getUint8(at)) * P5, 11n, P1, 0n);
  hash = wrap((hash ^ (hash >> 33n)) * P2);
  hash = wrap((hash ^ (hash >> 29n)) * P3);
  return hash ^ (hash >> 32n);
}
