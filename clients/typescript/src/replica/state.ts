import { Document, type Key } from "../document.js";
import { DEFAULT_LIMITS } from "../limits.js";
import type { GapReason, Limits, ObjectValue, Rev } from "../types.js";
import type { OnGap, Outcome, ReplicaEvent } from "./event.js";
import { idsOf, type Pending } from "./pending.js";
import type { Walk } from "./rebase.js";

/** How a replica joins. */
export interface ReplicaConfig {
  /** The room. */
  readonly room: string;
  /** The client's secret; without one the server makes it. */
  readonly clientKey?: string | undefined;
  /** What happens to pending updates after a gap; "resubmit" unless said otherwise. */
  readonly onGap?: OnGap | undefined;
}

/** What a replica is doing. */
export type Stage =
  /** There is no connection. */
  | "offline"
  /** Waiting for the answer to `JOIN`. */
  | "joining"
  /** A snapshot is to come or has come in part. */
  | "loading"
  /** Deltas keep the state at the head. */
  | "live"
  /** Waiting for the answer to `RESYNC`; what comes before its `JOINED` does not count (rule C-7). */
  | "resyncing"
  /** Given up. */
  | "diverged";

/** The state at a revision, as the server told it. */
export interface Snapshot {
  readonly document: Document;
  readonly rev: Rev;
  readonly epoch: string | undefined;
  /** The time of the latest operation in it, in milliseconds since 1970, as far as it is known. */
  at: number;
}

/** What a replica knows. */
export class State {
  /**
   * The optimistic view (rule K-1). Versions and times of records that pending updates change are guesses: each counts
   * as one operation, at the time of the latest that is known.
   */
  readonly view = new Document();
  /** What the server confirmed. */
  confirmed = new Document();
  /** The revision of what is confirmed. */
  confirmedRev: Rev = 0;
  /** The epoch of what is confirmed; undefined before the first state. */
  declare epoch: string | undefined;
  /** The head, as far as it is known. */
  head: Rev = 0;
  /** This client's public id, once `JOINED` has told it. */
  declare clientId: string | undefined;
  /** This client's secret, once it is known. */
  clientKey: string | undefined;
  /** The access token of the next `JOIN`. */
  declare token: string | undefined;
  /** The room's bounds; the usual ones before `JOINED`. */
  limits: Limits = DEFAULT_LIMITS;
  /** The presence of every client that has one. */
  readonly presence = new Map<string, ObjectValue>();
  /** Told of each rebase over an operation of others, before the view shows it: `foreign` makes something of that. */
  declare onForeign: ((walk: Walk) => void) | undefined;

  // The rest is for the functions of this folder alone.

  stage: Stage = "offline";
  /** `JOIN` or `RESYNC` is still to be sent. */
  declare askDue: boolean | undefined;
  /** Whether the last `JOIN` or `RESYNC` said where to resume, or the next is to say it. */
  declare resume: boolean | undefined;
  /** The snapshot that loads, as far as it has come, */
  declare loaded: Snapshot | undefined;
  /** the number of its next part, */
  declare part: number;
  /** and why it comes; undefined when no gap was announced, and no `acked` said what became of updates. */
  declare gap: GapReason | undefined;
  /** The time of the latest operation that is confirmed. */
  confirmedAt = 0;
  /** The confirmed state may be resumed from. */
  trusted = true;
  /** The head at the last `JOINED`. */
  joinedRev: Rev = 0;
  /** How often in a row something did not fit. */
  trouble = 0;
  /** The pending updates in their order. */
  queue: Pending[] = [];
  /** Until when no update is sent. */
  hold = 0;
  /** Retryable refusals in a row. */
  refusals = 0;
  /** The versions of records that pending updates delete. */
  deleted = new Map<Key, number>();
  /** Records whose view is out of date. */
  readonly stale = new Set<Key>();
  /** The own presence, and whether it is to be sent. */
  own: ObjectValue | null = null;
  declare ownDue: boolean | undefined;
  declare heartbeatDue: boolean | undefined;
  declare leaveDue: boolean | undefined;
  readonly events: ReplicaEvent[] = [];

  constructor(readonly config: ReplicaConfig) {
    this.clientKey = config.clientKey;
  }
}

/** The update that has `id` on the wire. */
export function findPending(state: State, id: string): Pending | undefined {
  return state.queue.find((pending) => pending.id === id);
}

/**
 * Not all is known of what was accepted since the confirmed revision: an update that was perhaps sent may be an operation
 * since then (rule U-5).
 */
export function suspect(state: State): void {
  for (const pending of state.queue) if (pending.count) pending.firstRev ??= state.confirmedRev;
}

/** Takes out of the queue what is over. */
export function sweep(state: State): void {
  state.queue = state.queue.filter((pending) => !pending.over);
}

/** Tells what became of `pending`, under each of its ids. */
export function resolve(state: State, pending: Pending, outcome: Outcome): void {
  for (const id of idsOf(pending)) state.events.push({ type: "resolved", id, outcome });
}
