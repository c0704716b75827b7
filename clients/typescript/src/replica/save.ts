/** What of a replica outlives a reload: the pending updates and the position they were made at. */

import { keyOf } from "../document.js";
import type { Rec, Rev } from "../types.js";
import { UpdateError } from "../update-error.js";
import { admit } from "./admit.js";
import { endConflicts } from "./conflict.js";
import { addAll, isNamed, newPending, type Pending } from "./pending.js";
import { resolve, type State } from "./state.js";
import { refresh } from "./view.js";

/**
 * Pending updates as they are stored, always together with the confirmed records of the same moment: positions of
 * splices refer to them.
 */
export interface SavedPending {
  readonly clientKey?: string | undefined;
  /** Undefined: no state has come yet. */
  readonly epoch?: string | undefined;
  /** The confirmed revision. */
  readonly rev: Rev;
  /** The time of its operation, in milliseconds since 1970. */
  readonly at: number;
  /** False: the confirmed records are not what the server has, and not to be resumed from. */
  readonly trusted?: boolean;
  readonly queue: readonly SavedUpdate[];
}

/** One pending update. */
export interface SavedUpdate
  extends Readonly<Pick<Pending, "id" | "changes">>,
    Readonly<
      Partial<
        Pick<Pending, "shown" | "firstRev" | "form" | "answered" | "conflict" | "unaccounted" | "probe">
      >
    > {
  readonly aliases: readonly string[];
}

/** A replica as it was stored. */
export interface SavedReplica {
  readonly pending: SavedPending;
  /** The confirmed records. */
  readonly records: Iterable<Rec>;
}

/** What is to be stored of `state`, besides the confirmed records. Shares nothing that changes. */
export function save(state: State): SavedPending {
  const { clientKey, epoch, confirmedRev: rev, confirmedAt: at, trusted } = state;
  const queue = state.queue.map(({ keys, splices, over, sent, copies, count, ever, aliases, ...saved }) => ({
    ...saved,
    aliases: [...aliases],
  }));
  return { clientKey, epoch, rev, at, trusted, queue };
}

/**
 * Goes on from what was saved. `state` has no connection yet; what was done there meanwhile is done upon that. Each of the
 * saved updates was perhaps sent since.
 */
export function restore(state: State, { pending: saved, records }: SavedReplica): void {
  const { confirmed, stale, queue: made } = state;
  state.clientKey = saved.clientKey ?? state.clientKey;
  state.epoch = saved.epoch;
  state.confirmedRev = state.head = saved.rev;
  state.confirmedAt = saved.at;
  state.trusted = saved.trusted ?? true;
  for (const record of records) confirmed.put(keyOf(record), record);
  state.queue = saved.queue.map((update) =>
    Object.assign(newPending(update.id, update.changes, true), update, {
      aliases: [...update.aliases],
      ever: true,
      count: 1,
    }),
  );
  const changes = [...made, ...state.queue].flatMap((pending) => pending.changes);
  addAll(stale, [...confirmed.records(), ...changes].map(keyOf));
  refresh(state);
  endConflicts(state);
  for (const pending of made) again(state, pending);
}

/** Takes an update once more, on another state. */
function again(state: State, made: Pending): void {
  try {
    admit(state, made.id, made.changes);
    state.queue.find((pending) => isNamed(pending, made.id))?.aliases.push(...made.aliases);
  } catch (error) {
    if (!(error instanceof UpdateError)) throw error;
    const { code, message } = error;
    // An update under an id that is pending since the last time is that one.
    if (code === "DUPLICATE_ID") return;
    const known = code === "NOT_FOUND" || code === "CONFLICT" ? code : "INVALID_CHANGE";
    resolve(state, made, { status: "rejected", code: known, message });
  }
}
