/** The optimistic view: the confirmed state with pending changes on top (rule K-1). */

import { type Base, type Key, keyOf, Overlay } from "../document.js";
import { isNoop } from "../splice.js";
import type { Change, Rec } from "../types.js";
import { UpdateError } from "../update-error.js";
import { equal } from "../value.js";
import { addAll, isSplice, touches } from "./pending.js";
import { hide } from "./settle.js";
import type { State } from "./state.js";

/**
 * A state that changes are tried on; its base stays as it is. What the server alone knows is guessed: a record that
 * was deleted before this replica knew of it starts at version 1, and pending changes are dated at the latest operation.
 */
export class Trial extends Overlay {
  /** @param deleted The versions of records that pending updates delete. */
  constructor(
    base: Base,
    readonly deleted = new Map<Key, number>(),
  ) {
    super(base);
  }

  /** Makes the changes of one update, made at `at`, as the server would, all or none; tells why they do not apply. */
  try(changes: readonly Change[], at: number): UpdateError | undefined {
    for (const change of changes) {
      const { collection, id, ifVersion } = change;
      const version = this.get(keyOf(change))?.version ?? 0;
      if ((ifVersion ?? version) === version) continue;
      const message = `${collection}/${id} has version ${version}, not ${ifVersion}`;
      return new UpdateError("CONFLICT", message, { collection, id, version });
    }
    const overlay = new Overlay(this);
    const nextOf = (key: Key) => (this.get(key)?.version ?? this.deleted.get(key) ?? 0) + 1;
    for (const change of changes) {
      const key = keyOf(change);
      const { collection, id } = change;
      if (change.op === "delete" ? !overlay.get(key) : isSplice(change) && isNoop(change)) continue;
      try {
        overlay.apply({ ...change, version: nextOf(key) }, at);
      } catch (error) {
        if (!(error instanceof UpdateError)) throw error;
        error.message = `${collection}/${id}: ${error.message}`;
        return error;
      }
    }
    for (const [key, record] of overlay.changed) {
      if (!record) this.deleted.set(key, nextOf(key));
      this.put(key, record);
    }
    return undefined;
  }
}

/** `record`; but the object `before`, or at least its data, where they say the same. */
export function keep(before: Rec | undefined, record: Rec | undefined): Rec | undefined {
  if (!before || !record || !equal(before.data, record.data)) return record;
  const { version, createdAt, updatedAt, data } = before;
  const same = version === record.version && createdAt === record.createdAt && updatedAt === record.updatedAt;
  return same ? before : { ...record, data };
}

/** Has the view show the records `keys` as they are in `trial`. */
export function show(state: State, trial: Base, keys: Iterable<Key>): void {
  const { view, events } = state;
  const last = events.at(-1);
  const changed = last?.type === "changed" ? last.before : new Map<Key, Rec | undefined>();
  for (const key of keys) {
    const before = view.get(key);
    const record = keep(before, trial.get(key));
    if (record === before) continue;
    view.put(key, record);
    if (!changed.has(key)) changed.set(key, before);
  }
  if (changed.size && last?.type !== "changed") events.push({ type: "changed", before: changed });
}

/** Brings the view up to date where it is stale, and where updates that touch this may have changed it. */
export function refresh(state: State): void {
  const { stale, deleted } = state;
  for (;;) {
    const shown = state.queue.filter((pending) => pending.shown);
    for (let known = -1; known !== stale.size; ) {
      known = stale.size;
      for (const pending of shown) if (touches(pending, stale)) addAll(stale, pending.keys);
    }
    const trial = new Trial(state.confirmed);
    const misfit = shown.find(
      (pending) => touches(pending, stale) && trial.try(pending.changes, state.confirmedAt),
    );
    if (misfit) {
      hide(state, misfit);
      continue;
    }
    for (const key of stale) deleted.delete(key);
    for (const [key, version] of trial.deleted) deleted.set(key, version);
    show(state, trial, stale);
    stale.clear();
    return;
  }
}
