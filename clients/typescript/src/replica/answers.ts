/** `ACK`, `REJECT` and `acked` (rules K-3, K-9 and K-10). */

import type { RejectMessage, Rev } from "../types.js";
import { lose } from "./conflict.js";
import type { Outcome } from "./event.js";
import type { Pending } from "./pending.js";
import { rebase } from "./rebase.js";
import { dropConfirmed } from "./reset.js";
import { accept, drop } from "./settle.js";
import { findPending, resolve, type State, sweep } from "./state.js";
import { refresh } from "./view.js";

/** How long a retryable refusal that names no time holds updates back, in milliseconds; doubled with each in a row. */
const BACKOFF_MS = 500;
/** Doublings of it at most. */
const BACKOFF_DOUBLINGS = 6;

/** The update `id` was accepted as `rev`, whether a delta shows it or not. */
export function handleAck(state: State, id: string, rev: Rev): void {
  const pending = findPending(state, id);
  if (!pending) return;
  accept(state, pending, rev);
  // While a snapshot loads, revisions may be of another epoch than what is confirmed; it is looked at then.
  if (rev <= state.confirmedRev && state.stage !== "loading") dropConfirmed(state);
}

/** A copy of an update was refused. `now`: milliseconds by the clock of `pollMessage`. */
export function handleReject(state: State, message: RejectMessage, now: number): void {
  const pending = findPending(state, message.clientReqId);
  if (!pending?.copies || pending.answered !== undefined) return;
  pending.copies--;
  const { code, conflict } = message;
  if (message.retryable) {
    sendLater(state, pending, message, now);
  } else if (!pending.copies && (pending.sent || pending.conflict || code !== "BASE_TOO_OLD")) {
    // Another copy would be judged after this one. One that was sent before a gap is offered again (rule K-5).
    reject(state, pending, { status: "rejected", code, message: message.message, conflict });
  }
}

function sendLater(state: State, pending: Pending, message: RejectMessage, now: number): void {
  const { conflict } = pending;
  pending.sent = false;
  if (pending.count === 1 && message.code !== "UNAVAILABLE") {
    // It is certain not to be an operation (rule U-6), so the next time is the first again.
    pending.count = 0;
    pending.firstRev = undefined;
  }
  const backoff = BACKOFF_MS << Math.min(state.refusals++, BACKOFF_DOUBLINGS);
  state.hold = Math.max(state.hold, now + (message.retryAfterMs ?? backoff));
  if (!conflict) return;
  // Its value was replaced: it is not to be sent again.
  pending.conflict = undefined;
  lose(state, pending, conflict);
  sweep(state);
}

/** Ends `pending` with a refusal, and what was made on it. */
export function reject(state: State, pending: Pending, outcome: Outcome): void {
  drop(state, pending);
  rebase(state, [], pending);
  resolve(state, pending, outcome);
  refresh(state);
}
