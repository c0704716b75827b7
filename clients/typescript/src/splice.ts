/** Splices: applying one, and moving it over concurrent ones (section S). */

import type { Splice, Value } from "./types.js";
import { misfit, wrongType } from "./update-error.js";
import { isArray } from "./value.js";

/** What a splice inserts, and into what: a string or an array. */
export type Sequence = string | readonly Value[];

/** How many code points or elements `sequence` has. */
export function lengthOf(sequence: Sequence): number {
  // Each code point beyond the first 2^16 has one high surrogate.
  return typeof sequence === "string" ? sequence.replace(/[\ud800-\udbff]/g, "").length : sequence.length;
}

/** Where the code point numbered `points` begins in `text`, in UTF-16 code units; past its end counts on. */
export function unitsOf(text: string, points: number): number {
  if (!/[\ud800-\udbff]/.test(text)) return points;
  let units = 0;
  for (; points > 0 && units < text.length; points--) {
    units += (text.charCodeAt(units) & 0xfc00) === 0xd800 ? 2 : 1;
  }
  return units + points;
}

/** The elements of `sequence` from the one numbered `from` to before the one numbered `to`. */
export function sliceOf<S extends Sequence>(sequence: S, from: number, to?: number): Sequence {
  if (typeof sequence !== "string") return sequence.slice(from, to);
  return sequence.slice(unitsOf(sequence, from), to && unitsOf(sequence, to));
}

/** `first` and then `second`, which is of the same kind. */
export function joined(first: Sequence, second: Sequence): Sequence {
  return typeof first === "string" ? `${first}${second}` : first.concat(second);
}

/** `value` with `splice` made on it. Throws a {@link UpdateError} that names `path`, where the value stands. */
export function applySplice(value: Value | undefined, splice: Splice, path = "the path"): Value {
  const { at, remove, insert } = splice;
  if ((typeof value !== "string" && !isArray(value)) || typeof value !== typeof insert) {
    throw wrongType(path, typeof insert === "string" ? "a string" : "an array", value);
  }
  const length = lengthOf(value);
  if (at + remove > length) {
    throw misfit(`the splice reaches past the end of ${path}, which has ${length} elements`);
  }
  if (isNoop(splice)) return value;
  return joined(joined(sliceOf(value, 0, at), insert), sliceOf(value, at + remove));
}

/** Whether `splice` neither removes nor inserts. */
export function isNoop(splice: Splice): boolean {
  return !splice.remove && !splice.insert.length;
}

/** Where a splice is and how much it moves, in code points or elements; what it inserts does not matter here. */
export interface Extent {
  readonly at: number;
  readonly remove: number;
  readonly insert: number;
}

/** The extents of those of `splices` that move anything: what a splice made before them is moved over. */
export function extentsOf(splices: readonly Splice[]): Extent[] {
  return splices.flatMap(({ at, remove, insert }) => alive({ at, remove, insert: lengthOf(insert) }));
}

/**
 * Moves `own` over splices of others made on the same value, which have the lower revisions, and those over `own`, so that
 * the next splice of the same author, made after `own`, can be moved over what this gives in the second place.
 *
 * Splices are moved one by one, each over each, on the server as on the client. What would come of moving them
 * composed can differ.
 *
 * Gives first what `own` has become: from left to right, each relative to the result of those before it.
 */
export function rebaseSplice(own: Splice, theirs: readonly Extent[]): [moved: Splice[], theirs: Extent[]] {
  const [mine, rest] = cross(extentsOf([own]), theirs);
  // What is inserted stands in one piece.
  const empty = own.insert.slice(0, 0);
  return [mine.map((extent) => ({ ...extent, insert: extent.insert ? own.insert : empty })), rest];
}

/** Both sides of a move: own splices and theirs, each as they apply after the other side. */
type Sides = [mine: Extent[], theirs: Extent[]];

/**
 * Moves `mine` over `theirs` and `theirs` over `mine`; in each, every splice is relative to the result of those
 * before it. `theirs` have the lower revisions.
 */
export function cross(mine: readonly Extent[], theirs: readonly Extent[]): Sides {
  const [own] = mine;
  const [their] = theirs;
  if (own && their && !mine[1] && !theirs[1]) return transform(own, their);
  let moved = [...mine];
  const all: Extent[] = [];
  for (const next of theirs) {
    let rest = [next];
    moved = moved.flatMap((each) => {
      // A splice is split by one insertion only, so this goes no more than a few calls deep.
      const sides = cross([each], rest);
      rest = sides[1];
      return sides[0];
    });
    all.push(...rest);
  }
  return [moved, all];
}

/** One over one (rules S-3 and S-4): of insertions at the same place the lower revision's stands left. */
function transform(own: Extent, their: Extent): Sides {
  const left = their.at < own.at || (their.at === own.at && their.insert > 0);
  return [
    own.at < their.at ? around(own, their) : behind(own, their),
    left ? around(their, own) : behind(their, own),
  ];
}

/** `one` after `other`, which inserts right of where `one` inserts. */
function around(one: Extent, other: Extent): Extent[] {
  const end = one.at + one.remove;
  const head = Math.min(end, other.at) - one.at;
  const tail = Math.max(0, end - other.at - other.remove);
  if (!tail || !other.insert) return alive({ ...one, remove: head + tail });
  const rest = { at: one.at + one.insert + other.insert, remove: tail, insert: 0 };
  return [{ ...one, remove: head }, rest].flatMap(alive);
}

/** `one` after `other`, which inserts left of where `one` inserts. */
function behind(one: Extent, other: Extent): Extent[] {
  const end = other.at + other.remove;
  const at = other.at + other.insert + Math.max(0, one.at - end);
  const remove = Math.max(0, one.at + one.remove - Math.max(one.at, end));
  return alive({ at, remove, insert: one.insert });
}

function alive(extent: Extent): Extent[] {
  return extent.remove || extent.insert ? [extent] : [];
}
