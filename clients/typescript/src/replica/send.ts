/** What is sent next (rules S-8, K-4 and K-8). */

import type { Key } from "../document.js";
import { REMEMBERED_IDS } from "../limits.js";
import type { ClientMessage, UpdateMessage } from "../types.js";
import { fitsMessage } from "./admit.js";
import { reject } from "./answers.js";
import { addAll, isUnsent, type Pending, touches } from "./pending.js";
import type { State } from "./state.js";

/** An epoch that no room has: to a position in it the server answers with all that it remembers of this client. */
const NO_EPOCH = "none";

export function nextMessage(state: State, now: number): ClientMessage | undefined {
  const { stage } = state;
  if (stage === "offline") return undefined;
  if (state.askDue) return ask(state);
  if (stage === "joining") return undefined;
  if (state.ownDue) {
    state.ownDue = false;
    return { type: "PRESENCE", data: state.own };
  }
  if (state.heartbeatDue) {
    state.heartbeatDue = false;
    return { type: "HEARTBEAT" };
  }
  const update = nextUpdate(state, now);
  if (update || !state.leaveDue) return update;
  state.leaveDue = false;
  state.stage = "offline";
  return { type: "LEAVE" };
}

/** `JOIN` or `RESYNC`. */
function ask(state: State): ClientMessage {
  const { clientKey, token } = state;
  const join = state.stage === "joining";
  const position = join || state.resume ? positionOf(state) : undefined;
  state.askDue = false;
  state.resume = !!position;
  if (!join) return { type: "RESYNC", ...position };
  return {
    type: "JOIN",
    room: state.config.room,
    ...position,
    ...(clientKey !== undefined && { clientKey }),
    ...(token !== undefined && { token }),
  };
}

/** Where to resume; undefined when there is no state or it is not to be trusted. */
function positionOf(state: State) {
  // Updates of an earlier life may have been sent though no state was saved.
  const { epoch = state.queue.some((pending) => pending.count) ? NO_EPOCH : undefined } = state;
  return epoch !== undefined && state.trusted ? { epoch, lastRev: state.confirmedRev } : undefined;
}

/** Whether updates may go out: the room is followed, and what was accepted before `JOINED` is known. */
export function maySend(state: State): boolean {
  return state.stage === "live" && state.confirmedRev >= state.joinedRev;
}

function nextUpdate(state: State, now: number): UpdateMessage | undefined {
  if (state.hold <= now) state.hold = 0;
  if (state.hold || !maySend(state)) return undefined;
  for (let pending = nextSendable(state); pending; pending = nextSendable(state)) {
    if (fitsMessage(pending.changes, state.limits)) return send(state, pending);
    // Over a message this large the server ends the connection for good (rule W-6).
    reject(state, pending, {
      status: "rejected",
      code: "TOO_LARGE",
      message: "it no longer fits in a message",
    });
  }
  return undefined;
}

/** Sends `pending`: a splice as rebased, unless it is sent to learn what became of it. */
function send(state: State, pending: Pending): UpdateMessage {
  const { confirmedRev: baseRev } = state;
  const form = (pending.probe && pending.form) || { baseRev, changes: pending.changes };
  const { changes } = form;
  if (pending.splices) pending.form = form;
  // One that was perhaps sent in an earlier life was not accepted up to here, for all operations since are known.
  pending.firstRev ??= baseRev;
  pending.sent = pending.ever = true;
  pending.copies++;
  const { id: clientReqId, firstRev } = pending;
  return { type: "UPDATE", clientReqId, changes, ...pending.form, ...(pending.count++ && { firstRev }) };
}

/** The first pending update whose turn has come (rule S-8). */
function nextSendable(state: State): Pending | undefined {
  const { queue } = state;
  const unanswered = queue.filter((pending) => pending.sent && pending.answered === undefined);
  // What is unanswered must still be remembered when it is sent again.
  if (unanswered.length >= Math.max(1, Math.min(state.limits.inFlight, REMEMBERED_IDS))) return undefined;
  const spliceOut = unanswered.some((pending) => pending.splices);
  const unconfirmed = new Set<Key>();
  const unsent = new Set<Key>();
  return queue.find((pending) => {
    // The positions of a splice refer to the confirmed state alone; those of a probe to a revision of its own,
    // whatever came before it here.
    const waits = pending.splices
      ? spliceOut || (!pending.probe && touches(pending, unconfirmed))
      : touches(pending, unsent);
    const due = isUnsent(pending);
    if (due && !waits) return true;
    if (due) addAll(unsent, pending.keys);
    addAll(unconfirmed, pending.keys);
    return false;
  });
}
