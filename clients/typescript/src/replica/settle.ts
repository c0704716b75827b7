/** What operations and answers do to pending updates. */

import { keyOf } from "../document.js";
import type { Operation, Rev } from "../types.js";
import { addAll, type Pending } from "./pending.js";
import { rebase } from "./rebase.js";
import { findPending, resolve, type State } from "./state.js";

/** Rebases what is pending over an operation that the confirmed state has taken (rule K-2). */
export function confirm(state: State, operation: Operation): void {
  const { changes } = operation;
  const own = operation.clientId === state.clientId ? findPending(state, operation.clientReqId) : undefined;
  if (own) {
    accept(state, own, operation.rev);
    drop(state, own);
  }
  addAll(state.stale, changes.map(keyOf));
  rebase(state, changes, own, true);
}

/** Tells that `pending` was accepted as `rev`, if that is news. */
export function accept(state: State, pending: Pending, rev: Rev): void {
  if (pending.answered !== undefined) return;
  pending.answered = rev;
  pending.conflict = undefined;
  state.refusals = 0;
  resolve(state, pending, { status: "accepted", rev });
}

/** Leaves `pending` out of the view (rule K-1); what was made on it is lost. */
export function hide(state: State, pending: Pending): void {
  addAll(state.stale, pending.keys);
  rebase(state, [], pending);
  pending.shown = false;
}

/** `pending` is done with: the next rebase takes it out. */
export function drop(state: State, pending: Pending): void {
  addAll(state.stale, pending.keys);
  pending.over = true;
}
