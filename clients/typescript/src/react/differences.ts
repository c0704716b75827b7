/** What happened to a text, as far as that is seen from how it was and how it is. */

import { difference } from "../diff.js";
import type { Splice } from "../types.js";

/** Comparing all characters of two ranges takes this many steps at most; beyond, the whole range counts as replaced. */
const STEPS = 250_000;

/**
 * The splices that make `after` of `before`, from left to right, each for the text that those before it have made. Others
 * may have typed at several places at once: what stands between these stays, and so does a caret in it.
 */
export function splicesBetween(before: string, after: string): Splice[] {
  const splices: Splice[] = [];
  if (before !== after) compare([...before], [...after], 0, splices);
  return splices;
}

/** Where `position`, in UTF-16 units of `before`, is once `splices` are made: what is inserted there comes behind it. */
export function positionAfter(
  splices: readonly Splice[],
  position: number,
  before: string,
  after: string,
): number {
  let at = [...before.slice(0, position)].length;
  for (const splice of splices) {
    const inserted = [...splice.insert].length;
    if (at >= splice.at + splice.remove && at > splice.at) at += inserted - splice.remove;
    else if (at > splice.at) at = splice.at + Math.min(at - splice.at, inserted);
  }
  return [...after].slice(0, at).join("").length;
}

/** Adds what makes `now` of `old`, which begins at `at`. */
function compare(old: string[], now: string[], at: number, splices: Splice[]): void {
  const { start, remove, insert } = difference(old, now, (b, a) => old[b] === now[a]);
  if (remove + insert === 0) return;
  const [gone, come] = [old.slice(start, start + remove), now.slice(start, start + insert)];
  const same = longestRun(gone, come);
  if (same.length === 0) {
    splices.push({ at: at + start, remove, insert: come.join("") });
    return;
  }
  compare(gone.slice(0, same.old), come.slice(0, same.now), at + start, splices);
  const behind = same.now + same.length;
  compare(gone.slice(same.old + same.length), come.slice(behind), at + start + behind, splices);
}

/** The longest run of characters that stands in both, and where; `length` 0: there is none. */
function longestRun(old: string[], now: string[]): { old: number; now: number; length: number } {
  const best = { old: 0, now: 0, length: 0 };
  if (old.length * now.length > STEPS) return best;
  let above: number[] = [];
  for (const [i, letter] of old.entries()) {
    const runs: number[] = [];
    for (const [j, other] of now.entries()) {
      if (letter !== other) continue;
      const length = (above[j - 1] ?? 0) + 1;
      runs[j] = length;
      if (length > best.length) Object.assign(best, { old: i + 1 - length, now: j + 1 - length, length });
    }
    above = runs;
  }
  return best;
}
