/** Several splices of one author as few (rule S-8). */

import { isNoop, joined, lengthOf, sliceOf } from "./splice.js";
import type { Splice } from "./types.js";

/**
 * What `splices`, each relative to the result of those before it, do together: from left to right, again each relative
 * to the result of those before it. Null when there are none, or of both kinds.
 */
export function composeSplices(splices: readonly Splice[]): Splice[] | null {
  const kind = typeof splices[0]?.insert;
  if (!splices.every((splice) => typeof splice.insert === kind)) return null;
  return splices[0] ? splices.reduce(compose, []) : null;
}

/** `row`, which goes from left to right with something kept between any two, and then `next`. */
function compose(row: Splice[], next: Splice): Splice[] {
  const end = next.at + next.remove;
  const grown = lengthOf(next.insert) - next.remove;
  const before: Splice[] = [];
  const behind: Splice[] = [];
  let all = next;
  for (const one of row) {
    const oneEnd = one.at + lengthOf(one.insert);
    if (oneEnd < next.at) {
      before.push(one);
    } else if (one.at > end) {
      behind.push({ ...one, at: one.at + grown });
    } else {
      all = absorb(all, one, next);
    }
  }
  return [...before, ...(isNoop(all) ? [] : [all]), ...behind];
}

/** `all`, which has come of `next` so far, together with `one` before it, which it touches. */
function absorb(all: Splice, one: Splice, next: Splice): Splice {
  const end = next.at + next.remove;
  const oneEnd = one.at + lengthOf(one.insert);
  // Of what `one` inserted, `next` removes this much again.
  const undone = Math.max(0, Math.min(oneEnd, end) - Math.max(one.at, next.at));
  const head = sliceOf(one.insert, 0, Math.max(0, next.at - one.at));
  const tail = sliceOf(one.insert, Math.max(0, Math.min(end, oneEnd) - one.at));
  return {
    at: Math.min(all.at, one.at),
    remove: all.remove + one.remove - undone,
    insert: joined(joined(head, all.insert), tail),
  };
}
