/** Pending splices whose value is no longer what they were made on (rules K-6 and K-7). */

import { keyOf } from "../document.js";
import type { Conflict } from "../types.js";
import { addAll, type Pending, type SpliceChange } from "./pending.js";
import { resolve, type State, sweep } from "./state.js";

/** `pending` has lost the value that `splice` was made on. */
export function loseGround(state: State, pending: Pending, splice: SpliceChange): void {
  addAll(state.stale, pending.keys);
  pending.shown = false;
  if (pending.answered === undefined) lose(state, pending, conflictAt(state, splice));
}

/** `pending`, which the view shows no longer, is over; but if its answer is on its way, that is its end. */
export function lose(state: State, pending: Pending, conflict: Conflict): void {
  if (pending.sent || (pending.copies && !pending.unaccounted)) pending.conflict = conflict;
  else endInConflict(state, pending, conflict);
}

/** What `splice` met in the confirmed state. */
export function conflictAt(state: State, splice: SpliceChange): Conflict {
  const { collection, id, path } = splice;
  return { collection, id, version: state.confirmed.get(keyOf(splice))?.version ?? 0, path };
}

/** Ends what only waited for an answer that cannot come any more. */
export function endConflicts(state: State): void {
  for (const pending of state.queue) {
    const { conflict } = pending;
    pending.conflict = undefined;
    if (conflict) endInConflict(state, pending, conflict);
  }
  sweep(state);
}

/** Ends `pending`. If it may have been accepted, the server is asked for that first, under the positions it knows. */
export function endInConflict(state: State, pending: Pending, conflict: Conflict): void {
  const { unaccounted } = pending;
  pending.probe = unaccounted && !!pending.form;
  pending.over = !pending.probe;
  if (pending.probe) return;
  resolve(state, pending, {
    status: "rejected",
    code: unaccounted ? "OUTCOME_UNKNOWN" : "CONFLICT",
    message: "the value it splices was replaced",
    conflict: unaccounted ? undefined : conflict,
  });
}
