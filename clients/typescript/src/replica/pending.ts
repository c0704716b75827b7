import { type Key, keyOf } from "../document.js";
import type { Change, Conflict, Effect, Rev } from "../types.js";

/** A splice in an update. */
export type SpliceChange = Extract<Change, { op: "splice" }>;

/** An update with splices as it was sent: its positions refer to `baseRev`. */
export interface Form {
  readonly baseRev: Rev;
  readonly changes: readonly Change[];
}

/** An update that its author does not see confirmed yet, and what was sent of it. */
export interface Pending {
  /** The id it has on the wire. */
  readonly id: string;
  /** The ids of updates composed into it, which end as it does. */
  readonly aliases: string[];
  /** What it asks for: splices as they apply to what comes before it. */
  changes: readonly Change[];
  /** The records it touches. */
  keys: ReadonlySet<Key>;
  /** Whether there is a splice in it. */
  readonly splices: boolean;
  /** Whether the view contains it. Once hidden it stays so until a snapshot: later updates do not build on it. */
  shown: boolean;
  /** The revision it was accepted as, which is not confirmed yet (rule K-3). */
  answered?: Rev;
  /** What another's operation replaced under it: it is hidden, and only the server's answer is missing (rule K-7). */
  conflict?: Conflict | undefined;
  /** It is done with: the next `sweep` takes it out. */
  over?: boolean;

  /** It is sent; its answer is awaited. */
  sent?: boolean;
  /** How often it went over this connection without an answer. Only the last refusal counts, for each copy is judged. */
  copies: number;
  /** How often it was sent in this epoch; one that an earlier life left counts as sent once. */
  count: number;
  /** Whether it was ever sent, in whatever epoch: what its id stands for is then fixed. */
  ever?: boolean;
  /** The confirmed revision when it was first sent in this epoch (rule U-5). */
  firstRev?: Rev | undefined;
  /** An update with splices as it was last sent in this epoch. */
  form?: Form | undefined;
  /** A snapshot that came without `acked` may contain it. */
  unaccounted?: boolean | undefined;
  /** It is sent only to learn what became of it, in the form it was last sent in. */
  probe?: boolean | undefined;
}

/** An update that is not sent yet. */
export function newPending(id: string, changes: readonly Change[], shown: boolean): Pending {
  return {
    id,
    aliases: [],
    changes,
    keys: keysOf(changes),
    splices: changes.some(isSplice),
    shown,
    copies: 0,
    count: 0,
  };
}

/** Whether `edit` is a splice. */
export function isSplice<E extends Change | Effect>(edit: E): edit is Extract<E, { op: "splice" }> {
  return edit.op === "splice";
}

/** The records that `changes` touch. */
export function keysOf(changes: readonly Change[]): Set<Key> {
  return new Set(changes.map(keyOf));
}

/** Whether `pending` is still to be sent. */
export function isUnsent(pending: Pending): boolean {
  return pending.answered === undefined && !pending.conflict && !pending.sent;
}

/** Whether `pending` touches one of `keys`. */
export function touches(pending: Pending, keys: ReadonlySet<Key>): boolean {
  for (const key of pending.keys) if (keys.has(key)) return true;
  return false;
}

/** All ids that end with `pending`. */
export function idsOf(pending: Pending): string[] {
  return [pending.id, ...pending.aliases];
}

/** Whether `id` is one of them. */
export function isNamed(pending: Pending, id: string): boolean {
  return pending.id === id || pending.aliases.includes(id);
}

/** Puts `items` into `set`. */
export function addAll<T>(set: Set<T>, items: Iterable<T>): void {
  for (const item of items) set.add(item);
}
