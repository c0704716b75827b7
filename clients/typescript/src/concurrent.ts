/** A row of splices of one author, moved over those of others one by one. */

import { type Extent, extentsOf, rebaseSplice } from "./splice.js";
import type { Splice } from "./types.js";

/** The splices accepted since a base on one value, in order: what splices made on that base are moved over. */
export class Concurrent {
  private theirs: readonly Extent[];

  constructor(theirs: readonly Splice[] = []) {
    this.theirs = extentsOf(theirs);
  }

  /** What `own` has become, see {@link rebaseSplice}; the next one is made after it. */
  rebase(own: Splice): Splice[] {
    const [moved, theirs] = rebaseSplice(own, this.theirs);
    this.theirs = theirs;
    return moved;
  }
}
