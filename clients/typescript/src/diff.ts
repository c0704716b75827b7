/** What differs between two texts or lists: one range, between what they have in common at both ends. */

/** The range in which two sequences differ. */
export interface Difference {
  /** How much both have in common at the start. */
  readonly start: number;
  /** How much of the old stands between what both have in common. */
  readonly remove: number;
  /** How much of the new stands there. */
  readonly insert: number;
}

/** Where `after` differs from `before`, by index; `same` compares the elements at an index of each. */
export function difference(
  before: { readonly length: number },
  after: { readonly length: number },
  same: (before: number, after: number) => boolean,
): Difference {
  const most = Math.min(before.length, after.length);
  let start = 0;
  while (start < most && same(start, start)) start++;
  let end = 0;
  while (end < most - start && same(before.length - 1 - end, after.length - 1 - end)) end++;
  return { start, remove: before.length - start - end, insert: after.length - start - end };
}
