/** What an own update did, as it is to be undone. */

import { replacesValue } from "../edit.js";
import { type Key, keyOf } from "../key.js";
import { composeSplices } from "../patch.js";
import { covers, find } from "../path.js";
import { applySplice, isNoop, lengthOf, sliceOf } from "../splice.js";
import type { Change, ObjectValue, Rec, Splice, Value } from "../types.js";
import { equal, isArray, isObject, own } from "../value.js";

/** What was done to one value. */
interface Deed {
  /** The value; empty: the record was created or deleted. */
  readonly path: string;
  /** What was there; undefined: nothing. */
  readonly was?: Value | undefined;
  /** What was left there; undefined: nothing. */
  readonly left?: Value | undefined;
  /** So much was added. */
  readonly by?: number | undefined;
  /** It was spliced: this takes it back, one after the other, once all that was done since is taken back. */
  splices?: readonly Splice[];
  /** The value that these splices, or those that are taken back before them, apply to. */
  seen?: Value | undefined;
}

/** What an update did to one value. */
export interface Part extends Deed {
  /** The update, until it is accepted. */
  id: string | undefined;
  /** The view has lost it. */
  gone?: boolean;
  /** Parts of one step are undone together. */
  readonly step: number;
  readonly key: Key;
}

/** What `changes` did to the records that were `before` and are `after`. */
export function deedsOf(
  changes: readonly Change[],
  before: ReadonlyMap<Key, Rec | undefined>,
  after: (key: Key) => Rec | undefined,
): (Deed & { key: Key })[] {
  return [...new Set(changes.map(keyOf))].flatMap((key) => {
    const own = changes.filter((change) => keyOf(change) === key);
    return deedsIn(own, before.get(key)?.data, after(key)?.data).map((deed) => ({ ...deed, key }));
  });
}

function deedsIn(
  changes: readonly Change[],
  before: ObjectValue | undefined,
  after: ObjectValue | undefined,
): Deed[] {
  if (before === after) return [];
  if (!before || !after) return [{ path: "", was: before }];
  const deeds: Deed[] = [];
  const sums = new Map<string, number>();
  const spliced = new Map<string, Splice[]>();
  for (const change of changes) {
    if (change.op !== "splice" && change.op !== "add") continue;
    const { path } = change;
    // What was replaced besides is restored as a whole.
    if (changes.some((other) => other.op !== "add" && replacesValue(other, path))) continue;
    if (change.op === "add") sums.set(path, (sums.get(path) ?? 0) + change.by);
    else spliced.set(path, [...(spliced.get(path) ?? []), change]);
  }
  for (const [path, splices] of spliced) {
    deeds.push({ path, splices: inverse(splices, find(before, path)), seen: find(after, path) });
  }
  compare(before, after, "", (path, was, left) => {
    if (!spliced.has(path)) deeds.push({ path, was, left, by: sums.get(path) });
  });
  return deeds;
}

/** What takes back `splices`, which were made on `value` one after the other. */
function inverse(splices: readonly Splice[], value: Value | undefined): Splice[] {
  const back: Splice[] = [];
  for (const splice of splices) {
    const { at, remove, insert } = splice;
    const removed = typeof value === "string" || isArray(value) ? sliceOf(value, at, at + remove) : insert;
    if (!isNoop(splice)) back.unshift({ at, remove: lengthOf(insert), insert: removed });
    value = applySplice(value, splice);
  }
  return back;
}

/** Tells each value that differs: a leaf, or an object where the other has none. */
function compare(
  before: ObjectValue,
  after: ObjectValue,
  path: string,
  tell: (path: string, was: Value | undefined, left: Value | undefined) => void,
): void {
  for (const name of Object.keys({ ...before, ...after })) {
    const at = `${path}/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
    const was = own(before, name);
    const left = own(after, name);
    if (isObject(was) && isObject(left)) compare(was, left, at, tell);
    else if (!equal(was, left)) tell(at, was, left);
  }
}

/** Those of `parts`, the latest first, that splice the value of `place`, until something replaced it. */
export function splicesOf(parts: readonly Part[], { key, path }: Pick<Part, "key" | "path">): Part[] {
  const found: Part[] = [];
  for (const part of parts) {
    if (part.key !== key) continue;
    if (part.splices) {
      if (part.path === path) found.push(part);
    } else if (covers(part.path, path)) break;
  }
  return found;
}

/** `parts`, the latest first, with rows of splices of one value in one step composed; of accepted ones, if so asked. */
export function joined(parts: readonly Part[], accepted = false): Part[] {
  const all: Part[] = [];
  for (const part of parts) {
    const last = all.at(-1);
    const splices =
      last?.splices &&
      part.splices &&
      last.key === part.key &&
      last.path === part.path &&
      last.step === part.step &&
      last.seen === part.seen &&
      !(accepted && (last.id ?? part.id)) &&
      composeSplices([...last.splices, ...part.splices]);
    if (last && splices) all[all.length - 1] = { ...last, splices };
    else all.push(part);
  }
  return all;
}

/** `part`, one of `parts`, is no more: those that come after it apply to what it leaves. */
export function leave(part: Part, parts: readonly Part[]): void {
  const left = outcome(part);
  for (const other of splicesOf(parts.slice(parts.indexOf(part) + 1), part)) {
    if (equal(other.seen, part.seen)) other.seen = left;
  }
}

/** What the splices of `part` leave of the value; undefined when they do not fit. */
function outcome({ splices = [], seen }: Part): Value | undefined {
  try {
    return splices.reduce<Value | undefined>((value, splice) => applySplice(value, splice), seen);
  } catch {
    return undefined;
  }
}
