import { expect } from "vitest";
import { type Document, keyOf } from "../../src/document.js";
import { REMEMBERED_IDS } from "../../src/limits.js";
import { idsOf, type Pending, touches } from "../../src/replica/pending.js";
import type { State } from "../../src/replica/state.js";
import { Trial } from "../../src/replica/view.js";
import type { ObjectValue } from "../../src/types.js";

/** Checks what must hold of a replica at any time. */
export function check(replica: State): void {
  checkQueue(replica);
  checkSent(replica);
  checkView(replica);
}

function checkQueue({ queue }: State): void {
  const ids = queue.flatMap(idsOf);
  assert(new Set(ids).size === ids.length, `every id stands there once: ${ids}`);
  for (const pending of queue) {
    const { id, changes, keys, conflict, probe, form, sent, copies } = pending;
    assert(!pending.over, `${id} is over and still there`);
    assert(changes.length > 0, `${id} has no change`);
    assert(
      changes.every((change) => keys.has(keyOf(change))),
      `${id} does not name its records`,
    );
    assert(!((conflict || probe) && pending.shown), `${id} waits for its end and shows`);
    assert(!conflict || copies > 0, `${id} waits for an answer that cannot come`);
    assert(!probe || form, `${id} cannot be asked for`);
    assert(!sent || copies > 0, `${id} is not sent over this connection`);
  }
}

function checkSent({ queue }: State): void {
  const unanswered = queue.filter((pending) => pending.sent && pending.answered === undefined);
  assert(unanswered.length <= REMEMBERED_IDS, "what is unanswered is not remembered");
  const splices = unanswered.filter((pending) => pending.splices);
  assert(splices.length <= 1, "more than one splice update is unanswered");
  for (const pending of splices) {
    const waits = (earlier: Pending) => earlier.shown && touches(earlier, pending.keys);
    const before = queue.slice(0, queue.indexOf(pending));
    assert(!pending.shown || !before.some(waits), `${pending.id} was sent before its turn`);
  }
}

function checkView({ queue, confirmed, confirmedAt, view, stale }: State): void {
  assert(!stale.size, "the view is out of date");
  const trial = new Trial(confirmed);
  for (const { id, changes } of queue.filter((pending) => pending.shown)) {
    assert(!trial.try(changes, confirmedAt), `${id} does not apply to the view`);
  }
  const rebuilt = confirmed.clone();
  for (const [key, record] of trial.changed) rebuilt.put(key, record);
  expect(contents(view), "the view is what is pending on the state").toEqual(contents(rebuilt));
}

/** What a document shows but times, which are guessed when a record of the view is rebuilt. */
export function contents(document: Document): [key: string, version: number, data: ObjectValue][] {
  const records = [...document.records()].map((record): [string, number, ObjectValue] => [
    keyOf(record),
    record.version,
    record.data,
  ]);
  return records.sort(([a], [b]) => (a < b ? -1 : 1));
}

function assert(holds: unknown, otherwise: string): asserts holds {
  if (!holds) throw new Error(otherwise);
}

/** Whether `id` is pending and the view contains it (rule K-1). */
export function shows({ queue }: State, id: string): boolean {
  return queue.some((pending) => pending.shown && idsOf(pending).includes(id));
}
