/** Following the room: `JOINED`, gaps, snapshots, deltas, heartbeats (rules K-2 to K-5, C-6, C-7, F-3, F-7). */

import { applyEffects, Document, keyOf, Overlay } from "../document.js";
import { REMEMBERED_IDS } from "../limits.js";
import type { DeltasMessage, GapMessage, JoinedMessage, Rev, SnapshotMessage } from "../types.js";
import { UpdateError } from "../update-error.js";
import { handleAck } from "./answers.js";
import { dropConfirmed, replace } from "./reset.js";
import { confirm } from "./settle.js";
import { type State, suspect } from "./state.js";
import { keep, refresh } from "./view.js";

/** How often in a row a replica asks to be put right before it gives up. */
const ATTEMPTS = 3;

export function handleJoined(state: State, message: JoinedMessage): void {
  const joining = state.stage === "joining";
  if (state.askDue || !(joining || state.stage === "resyncing")) return;
  if (joining) state.ownDue = !!state.own;
  const { rev, resumed } = message;
  const same = state.epoch === message.epoch;
  state.clientKey = message.clientKey ?? state.clientKey;
  state.clientId = message.clientId;
  state.limits = message.limits;
  state.head = state.joinedRev = rev;
  state.events.push({ type: "joined", resumed });
  if (!resumed) {
    load(state);
    // Revisions of another epoch are never confirmed in this one: what was accepted there is done with.
    if (!same) for (const pending of state.queue) if (pending.answered) pending.answered = 0;
  } else if (state.resume && same && state.confirmedRev <= rev) {
    state.stage = "live";
  } else {
    mend(state, false);
  }
}

export function handleGap(state: State, message: GapMessage): void {
  if (state.stage === "live") load(state);
  if (state.stage !== "loading") return;
  const { reason, acked } = message;
  state.gap = reason;
  state.head = message.serverRev;
  // To who has no state yet it is no gap.
  if (state.epoch !== undefined || reason !== "epoch") state.events.push({ type: "gap", reason });
  // The server remembers no more than that: it may have forgotten some.
  if (acked.length >= REMEMBERED_IDS) suspect(state);
  for (const { clientReqId, rev } of acked) handleAck(state, clientReqId, rev);
}

/** A snapshot comes. What is unanswered is offered again once it is there (rule K-5). */
function load(state: State): void {
  for (const pending of state.queue) pending.sent = false;
  state.stage = "loading";
  state.gap = state.loaded = undefined;
}

export function handleSnapshot(state: State, message: SnapshotMessage): void {
  if (state.stage !== "loading") return;
  const { rev, epoch, last } = message;
  if (!message.part) {
    state.part = 0;
    state.loaded = { document: new Document(), rev, epoch, at: 0 };
  }
  const { loaded } = state;
  const next = loaded && message.part === state.part++ && rev === loaded.rev && epoch === loaded.epoch;
  if (next) {
    for (const [collection, records] of Object.entries(message.state)) {
      for (const [id, stored] of Object.entries(records)) {
        const record = { collection, id, ...stored };
        const key = keyOf(record);
        loaded.document.put(key, keep(state.view.get(key), record));
        loaded.at = Math.max(loaded.at, record.updatedAt);
      }
    }
  }
  if (!next || (last && message.checksum !== loaded.document.checksum())) {
    mend(state, false);
  } else if (last) {
    state.stage = "live";
    replace(state, loaded);
  }
}

export function handleDeltas(state: State, message: DeltasMessage): void {
  const live = state.stage === "live";
  const follows = message.fromRev === state.confirmedRev;
  if (live && follows && advance(state, message)) {
    state.trouble = 0;
    for (const operation of message.ops) confirm(state, operation);
    dropConfirmed(state);
    refresh(state);
  } else if (live || state.stage === "loading") {
    mend(state, live && !follows);
  }
}

/** Applies operations to the confirmed state: all of them, or none when one is not what it must be. */
function advance(state: State, message: DeltasMessage): boolean {
  const { confirmed } = state;
  const overlay = new Overlay(confirmed);
  let { confirmedRev: rev, confirmedAt } = state;
  try {
    for (const { rev: next, at, changes } of message.ops) {
      if (next !== ++rev) return false;
      for (const [key, record] of applyEffects(overlay, changes, at).changed) overlay.put(key, record);
      confirmedAt = Math.max(confirmedAt, at);
    }
  } catch (error) {
    if (error instanceof UpdateError) return false;
    throw error;
  }
  if (rev !== message.toRev || !message.ops.length) return false;
  for (const [key, record] of overlay.changed) confirmed.put(key, keep(state.view.get(key), record));
  state.confirmedRev = rev;
  state.confirmedAt = confirmedAt;
  state.head = Math.max(state.head, rev);
  return true;
}

/** Compares the confirmed state with that at `rev`, which the server knows. */
export function handleHeartbeat(state: State, rev: Rev, checksum: string): void {
  state.head = Math.max(state.head, rev);
  if (state.stage !== "live" || rev !== state.confirmedRev) return;
  if (checksum === state.confirmed.checksum()) state.trouble = 0;
  else mend(state, false);
}

/**
 * Asks the server to put right what does not fit: from the confirmed position on, or by a snapshot when the confirmed
 * state is not to be trusted (rule K-4).
 */
function mend(state: State, resume: boolean): void {
  state.trusted &&= resume;
  state.resume = resume;
  state.askDue = ++state.trouble <= ATTEMPTS;
  state.stage = state.askDue ? "resyncing" : "diverged";
  if (!state.askDue) state.events.push({ type: "diverged" });
}
