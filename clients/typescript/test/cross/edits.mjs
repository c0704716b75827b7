/** Updates at random, of all kinds, as `clients/rust/tests/client/edits.rs` makes them. */

const CARDS = 6;
const CHARACTERS = ["a", "b", "é", "\u{301}", "字", "😀", "👩", "\u{200d}"];

/** Numbers that look random and are the same for the same seed (Mulberry32): each call gives one below `bound`. */
export function dice(/** @type {number} */ seed) {
  let state = Math.imul(seed, 0x9e3779b1);
  return (/** @type {number} */ bound) => {
    state = (state + 0x6d2b79f5) | 0;
    let z = Math.imul(state ^ (state >>> 15), 1 | state);
    z = (z + Math.imul(z ^ (z >>> 7), 61 | z)) ^ z;
    return Math.floor((((z ^ (z >>> 14)) >>> 0) / 2 ** 32) * bound);
  };
}

/** One edit or two, on cards of the room's view. The view may not take them: then they change nothing. */
export function edits(
  /** @type {(bound: number) => number} */ below,
  /** @type {import("revring").Room} */ room,
) {
  const first = below(CARDS);
  const ids = below(2) ? [first, (first + 1) % CARDS] : [first];
  return ids.map((id) => ({ collection: "cards", id: `${id}`, ...edit(below, room.get("cards", `${id}`)) }));
}

const empty = { title: "", n: 0, text: "", tags: [], more: {} };

function edit(below, card) {
  if (!card) return { op: "put", data: empty, ifVersion: 0 };
  const number = below(1000);
  const kind = below(20);
  if (kind === 0) return { op: "delete" };
  if (kind === 1) return { op: "put", data: empty, ifVersion: card.version };
  if (kind === 2) return { op: "put", data: empty };
  if (kind < 5) return { op: "merge", data: { title: number, more: { a: null, b: number } } };
  if (kind < 7) return { op: "set", path: "/more/a", value: [number, "😀"] };
  if (kind < 8) return { op: "unset", path: "/more/b" };
  if (kind < 11) return { op: "add", path: "/n", by: number - 500 };
  return { op: "splice", ...(kind < 17 ? typing(below, card) : filing(below, card)) };
}

function typing(below, { data }) {
  const insert = Array.from({ length: below(8) }, () => CHARACTERS[below(CHARACTERS.length)]).join("");
  return { path: "/text", ...range(below, [...data.text].length), insert };
}

function filing(below, { data }) {
  const insert = Array.from({ length: below(4) }, (_, n) => [n, below(1000)]);
  return { path: "/tags", ...range(below, data.tags.length), insert };
}

/** A place in a sequence of `length`, and how much to remove there. */
function range(below, length) {
  const at = below(length + 1);
  return { at, remove: below(Math.min(length - at, 4) + 1) };
}
