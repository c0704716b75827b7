/** What becomes of pending updates when the state under them is replaced, not moved (rules K-3, K-5 and K-6). */

import { type Base, type Document, keyOf } from "../document.js";
import { find } from "../path.js";
import type { Value } from "../types.js";
import { equal } from "../value.js";
import { conflictAt, endConflicts, endInConflict, loseGround } from "./conflict.js";
import { addAll, isSplice, type Pending, type SpliceChange } from "./pending.js";
import { replaces } from "./rebase.js";
import { resolve, type Snapshot, type State, suspect, sweep } from "./state.js";
import { refresh, Trial } from "./view.js";

/** Says what becomes of an update that is not accepted. `lost`: its splice whose value is another. */
type Settle = (pending: Pending, lost: SpliceChange | undefined) => void;

/**
 * Puts a snapshot in place of the confirmed state. If no gap says why it came, nothing is known of what the server
 * accepted meanwhile.
 */
export function replace(state: State, snapshot: Snapshot): void {
  const { gap, confirmed, confirmedAt, epoch } = state;
  const { document, rev } = snapshot;
  for (const pending of state.queue) {
    pending.sent = false;
    // `acked` names what was accepted since the confirmed revision, or all (rule F-6).
    if (gap !== "behind") pending.unaccounted = !gap && (pending.unaccounted || pending.count > 0);
  }
  if (!gap) suspect(state);
  endConflicts(state);
  state.confirmed = document;
  state.confirmedRev = rev;
  state.confirmedAt = snapshot.at;
  state.epoch = snapshot.epoch;
  state.trusted = true;
  state.head = Math.max(state.head, rev);
  state.events.push({ type: "snapshot", rev });
  addAll(state.stale, [...state.view.records(), ...document.records()].map(keyOf));
  reground(state, confirmed, confirmedAt, (pending, lost) => {
    // Before the first state nothing was sent, unless in an earlier life.
    if (epoch !== undefined && state.config.onGap === "discard") {
      resolve(state, pending, { status: "discarded" });
      pending.over = true;
      return;
    }
    if (epoch !== undefined && epoch !== snapshot.epoch) {
      // What was sent in the old epoch tells the server nothing.
      pending.copies = pending.count = 0;
      pending.firstRev = pending.form = pending.probe = undefined;
    }
    // It is offered again, unless it is a splice and its value is another.
    pending.shown = !pending.probe && !lost;
    if (lost && !pending.probe) endInConflict(state, pending, conflictAt(state, lost));
  });
}

/** Takes out what was accepted as a revision that is confirmed by now, though no delta showed it. */
export function dropConfirmed(state: State): void {
  const { confirmedRev } = state;
  if (!state.queue.some(({ answered }) => answered !== undefined && answered <= confirmedRev)) return;
  reground(state, state.confirmed, state.confirmedAt, (pending, lost) => {
    if (lost && pending.shown) loseGround(state, pending, lost);
  });
}

/** Puts the pending updates on the confirmed state, which has taken the place of `old`. */
function reground(state: State, old: Document, oldAt: number, settle: Settle): void {
  const before = new Trial(old);
  const after = new Trial(state.confirmed);
  for (const pending of state.queue) {
    const { shown, answered } = pending;
    const lost = lostGround(pending, before, after);
    addAll(state.stale, pending.keys);
    // What does not apply was not in the view either.
    if (shown) before.try(pending.changes, oldAt);
    if (answered === undefined) {
      settle(pending, lost);
    } else {
      // What is accepted stays in the view until it is confirmed (rule K-3), if it still makes sense there.
      pending.over = answered <= state.confirmedRev;
      pending.shown &&= !lost;
    }
    pending.shown &&= !pending.over && !after.try(pending.changes, state.confirmedAt);
  }
  sweep(state);
  refresh(state);
}

/**
 * The first splice in `pending` whose value is not the same `after` as `before`, or of which that cannot be said as
 * the view did not show the update.
 */
function lostGround(pending: Pending, before: Base, after: Base): SpliceChange | undefined {
  const { changes } = pending;
  for (const [index, change] of changes.entries()) {
    if (!isSplice(change) || changes.slice(0, index).some((earlier) => replaces(earlier, change))) continue;
    if (!pending.shown || !equal(valueAt(before, change), valueAt(after, change))) return change;
  }
  return undefined;
}

function valueAt(base: Base, splice: SpliceChange): Value | undefined {
  const record = base.get(keyOf(splice));
  return record && find(record.data, splice.path);
}
