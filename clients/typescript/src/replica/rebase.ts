/** Moving pending splices over the operations of others, and finding those that have lost what they were made on. */

import { type Key, keyOf } from "../document.js";
import { replacesValue } from "../edit.js";
import { type Extent, extentsOf, isNoop, rebaseSplice } from "../splice.js";
import type { Change, Effect, Value } from "../types.js";
import { equal } from "../value.js";
import { loseGround } from "./conflict.js";
import { addAll, isSplice, type Pending, type SpliceChange, touches } from "./pending.js";
import { type State, sweep } from "./state.js";

export type AnySplice = SpliceChange | Extract<Effect, { op: "splice" }>;

/**
 * Moves the splices in the queue over the effects `theirs` of an operation, and ends those that have lost their value,
 * be it by the end of the update `gone`, which leaves nothing behind; unless it is `confirmed`: `theirs` are its own.
 *
 * Each pending update was made on the result of those shown before it. Hidden ones are moved for themselves.
 */
export function rebase(state: State, theirs: readonly Effect[], gone?: Pending, confirmed?: boolean): void {
  const { queue, onForeign } = state;
  const walk = newWalk(theirs, gone);
  if (onForeign || queue.some((pending) => pending.splices && touches(pending, walk.records))) {
    for (const pending of queue) {
      if (pending !== gone) pass(state, walk, pending);
      else if (confirmed && isForeseen(queue, pending, theirs)) break;
      else lose(walk, pending);
    }
    if (!gone) onForeign?.(walk);
  }
  sweep(state);
}

/** A way through the queue. */
export interface Walk {
  readonly theirs: readonly Effect[];
  /** The records where something changed under pending updates. */
  readonly records: Set<Key>;
  /** What pending updates did to those records; `lost`: it is no longer pending, nor confirmed. */
  readonly past: [change: Change, lost: boolean][];
  /** Their splices on each value, moved over the pending ones so far. */
  lines: Map<string, readonly Extent[]>;
}

function newWalk(theirs: readonly Effect[], gone: Pending | undefined): Walk {
  const records = new Set([...theirs.map(keyOf), ...(gone?.keys ?? [])]);
  return { theirs, records, past: [], lines: new Map() };
}

/** Moves the splices in `pending`; if one has lost its value, that is its end. */
function pass(state: State, walk: Walk, pending: Pending): void {
  if (pending.conflict || pending.probe || !touches(pending, walk.records)) return;
  const { past, lines } = walk;
  const { length } = past;
  walk.lines = new Map(lines);
  const moved = move(walk, pending.changes);
  const lost = "op" in moved;
  if (lost || !pending.shown) {
    past.length = length;
    walk.lines = lines;
  }
  if (lost) {
    lose(walk, pending);
    loseGround(state, pending, moved);
  } else pending.changes = moved;
}

/** Notes that nothing is left of `pending`. */
function lose(walk: Walk, pending: Pending): void {
  if (!pending.shown) return;
  addAll(walk.records, pending.keys);
  for (const change of pending.changes) walk.past.push([change, true]);
}

/** `changes` with the splices among them moved, or the first that has lost its value. */
function move(walk: Walk, changes: readonly Change[]): readonly Change[] | SpliceChange {
  const moved: Change[] = [];
  for (const change of changes) {
    if (isSplice(change)) {
      const line = lineOf(walk, change);
      if (!line) return change;
      const [splices, rest] = line.length ? rebaseSplice(change, line) : [[change], line];
      for (const splice of splices) moved.push({ ...change, ...splice });
      walk.lines.set(placeOf(change), rest);
    } else moved.push(change);
    walk.past.push([change, false]);
  }
  const [first] = changes;
  // An update carries at least one change: one that does nothing, if need be.
  if (!moved.length && first && isSplice(first)) {
    moved.push({ ...first, at: 0, remove: 0, insert: first.insert.slice(0, 0) });
  }
  return moved;
}

/** What moves `splice`: nothing, if a pending update set the value that it edits. Undefined: that value is lost. */
export function lineOf({ theirs, past, lines }: Walk, splice: AnySplice): readonly Extent[] | undefined {
  let ground: boolean | undefined;
  for (const [change, lost] of past) {
    if (replaces(change, splice) || (lost && meets(change, splice))) ground = lost;
  }
  if (ground === false) return [];
  if (ground || theirs.some((effect) => replaces(effect, splice))) return undefined;
  return lines.get(placeOf(splice)) ?? extentsOf(theirs.filter((effect) => meets(effect, splice)));
}

/**
 * Whether later updates were made on what `own` has become as an operation: the view showed its splices as they are in
 * `effects`, and nothing that comes before it there is still to come.
 */
function isForeseen(queue: readonly Pending[], own: Pending, effects: readonly Effect[]): boolean {
  const before = queue.slice(0, queue.indexOf(own));
  return (
    own.shown &&
    !before.some((pending) => pending.shown && !pending.over && touches(pending, own.keys)) &&
    equal(outline(own.changes.filter((change) => !isSplice(change) || !isNoop(change))), outline(effects))
  );
}

/** The splices in `edits`, as a value. */
function outline(edits: readonly (Change | Effect)[]): Value {
  return edits.filter(isSplice).map((splice) => [placeOf(splice), splice.at, splice.remove, splice.insert]);
}

/** A value: the record and the path in it. */
export function placeOf(splice: AnySplice): string {
  return `${keyOf(splice)}\n${splice.path}`;
}

/** Whether `edit` splices the same value as `splice`. */
function meets<E extends Change | Effect>(edit: E, splice: AnySplice): edit is Extract<E, { op: "splice" }> {
  return isSplice(edit) && placeOf(edit) === placeOf(splice);
}

/** Whether `edit` replaces or removes the value that `splice` edits (rule S-6). */
export function replaces(edit: Change | Effect, splice: AnySplice): boolean {
  return keyOf(edit) === keyOf(splice) && replacesValue(edit, splice.path);
}
