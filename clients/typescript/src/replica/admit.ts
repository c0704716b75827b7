/**
 * Taking an update of the application: what is refused at once, and what is composed with an update that waits
 * (rule S-8).
 */

import { CHANGE_OVERHEAD, DATA_DEPTH, OPERATION_OVERHEAD } from "../limits.js";
import { composeSplices } from "../patch.js";
import type { Change, Limits, ObjectValue } from "../types.js";
import { UpdateError } from "../update-error.js";
import { depthOf, sizeOf, utf8Length } from "../value.js";
import {
  addAll,
  isNamed,
  isSplice,
  isUnsent,
  keysOf,
  newPending,
  type Pending,
  type SpliceChange,
  touches,
} from "./pending.js";
import { placeOf } from "./rebase.js";
import type { State } from "./state.js";
import { refresh, show, Trial } from "./view.js";

/** Updates that may be pending, composed ones counted once. */
const PENDING = 4096;
/** Ids that may be pending, those of composed updates included. */
const PENDING_IDS = 65_536;

/** Takes the update `id`. Throws an {@link UpdateError} when it cannot be sent or applied; nothing has changed then. */
export function admit(state: State, id: string, changes: readonly Change[]): void {
  checkRoom(state, id);
  checkForm(changes, state.limits);
  const trial = new Trial(state.view, new Map(state.deleted));
  const error = trial.try(changes, state.confirmedAt);
  const update = newPending(id, changes, !error);
  // Before anything is known, it may well apply to what will come.
  if (error && state.epoch !== undefined) throw error;
  if (error && update.splices)
    throw new UpdateError("NOT_SYNCED", "the value to be spliced has not come yet");
  if (update.splices && compose(state, update)) return;
  state.queue.push(update);
  state.deleted = trial.deleted;
  show(state, trial, update.keys);
}

function checkRoom(state: State, id: string): void {
  let count = 0;
  for (const pending of state.queue) {
    count += pending.aliases.length + 1;
    if (isNamed(pending, id)) throw new UpdateError("DUPLICATE_ID", `${id} is pending already`);
  }
  if (state.queue.length >= PENDING || count >= PENDING_IDS) {
    throw new UpdateError("TOO_MANY_PENDING", `${count} updates are pending`);
  }
}

/** Checks what the server refuses whatever its state is. */
function checkForm(changes: readonly Change[], limits: Limits): void {
  const { length } = changes;
  if (!length) throw new UpdateError("EMPTY", "an update has at least one change");
  const depth = Math.max(...changes.map((change) => depthOf(change))) - 1;
  if (
    length > limits.changesPerUpdate ||
    depth > Math.min(limits.depth, DATA_DEPTH) ||
    size(changes) > limits.operationBytes ||
    !fitsMessage(changes, limits)
  ) {
    throw new UpdateError("TOO_LARGE", "more than the room takes at once");
  }
}

/**
 * Whether an update of `changes` fits in a message. The size is never less than what is encoded; else JSON counts, which
 * is rarely the shorter codec.
 */
export function fitsMessage(changes: readonly Change[], limits: Limits): boolean {
  const bytes = limits.messageBytes;
  return size(changes) <= bytes || utf8Length(JSON.stringify(changes)) + OPERATION_OVERHEAD <= bytes;
}

/** The size of the operation that `changes` become if they are accepted as they are (rule D-9). */
function size(changes: readonly Change[]): number {
  let sum = OPERATION_OVERHEAD;
  for (const change of changes) {
    sum += CHANGE_OVERHEAD;
    const fields: ObjectValue = { ...change };
    for (const [name, value] of Object.entries(fields)) {
      if (!/^(op|at|remove|ifVersion)$/.test(name)) sum += sizeOf(value);
    }
  }
  return sum;
}

/**
 * Composes `update` into one that waits, if there is one. What stands between the two touches none of the records, so
 * the order of the two and it does not matter.
 */
function compose(state: State, update: Pending): boolean {
  const { limits, stale } = state;
  const waiting = state.queue.filter((pending) => touches(pending, update.keys)).at(-1);
  // Once sent, an id stands for what was sent under it.
  if (!waiting?.shown || waiting.ever || !isUnsent(waiting)) return false;
  const changes = composed([...waiting.changes, ...update.changes]);
  const bytes = Math.min(limits.operationBytes, limits.messageBytes);
  if (!changes.length || changes.length > limits.changesPerUpdate || size(changes) > bytes) return false;
  addAll(stale, waiting.keys);
  addAll(stale, update.keys);
  waiting.changes = changes;
  waiting.keys = keysOf(changes);
  waiting.aliases.push(update.id);
  refresh(state);
  return true;
}

/** `changes` as few, value by value, if they are splices and no more. Nothing when that cannot be, or none are left. */
function composed(changes: readonly Change[]): readonly Change[] {
  const rows = new Map<string, [SpliceChange, ...SpliceChange[]]>();
  for (const change of changes) {
    if (!isSplice(change) || change.ifVersion !== undefined) return [];
    const row = rows.get(placeOf(change));
    if (row) row.push(change);
    else rows.set(placeOf(change), [change]);
  }
  const all: Change[] = [];
  for (const row of rows.values()) {
    const splices = composeSplices(row);
    if (!splices) return [];
    for (const splice of splices) all.push({ ...row[0], ...splice });
  }
  return all;
}
