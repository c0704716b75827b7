/** What one edit does to a record's data, and which values it replaces (rules D-1 and S-6). */

import { covers, parsePath, replaceAt } from "./path.js";
import { applySplice } from "./splice.js";
import type { Change, Effect, ObjectValue, Value } from "./types.js";
import { misfit, wrongType } from "./update-error.js";
import { equal, isObject, own } from "./value.js";

type Without<T, K extends string> = T extends unknown ? Omit<T, K> : never;

/** One edit of a record, whichever: what a change and an effect have in common. */
export type Edit = Without<Change | Effect, "collection" | "id" | "ifVersion" | "version">;

/**
 * `data` with `edit`, which is neither `put` nor `delete`, made on it. What did not change is shared with `data`.
 *
 * Throws a {@link UpdateError} when it does not fit.
 */
export function editData(data: ObjectValue, edit: Edit): ObjectValue {
  if (edit.op === "merge") return merge(data, edit.data);
  if (edit.op === "put" || edit.op === "delete") return data;
  const { path } = edit;
  const edited = replaceAt(data, path, (old) => {
    if (edit.op === "set") return equal(old, edit.value) ? old : edit.value;
    if (edit.op === "add") return sum(old, edit.by, path);
    return edit.op === "splice" ? applySplice(old, edit, path) : undefined;
  });
  if (edited) return edited;
  throw misfit(`nothing can be at ${path}: no object holds it`);
}

function sum(old: Value | undefined, by: number, path: string): number {
  if (old !== undefined && typeof old !== "number") throw wrongType(path, "a number", old);
  const sum = (old ?? 0) + by;
  if (Math.abs(sum) <= Number.MAX_SAFE_INTEGER) return sum + 0;
  throw misfit(`the sum at ${path} is outside ±(2^53 − 1)`);
}

/** Merges `patch` into `target` (RFC 7396): null removes a field, objects merge, anything else replaces. */
function merge(target: ObjectValue, patch: ObjectValue): ObjectValue {
  let fields: Map<string, Value> | undefined;
  for (const [key, value] of Object.entries(patch)) {
    const old = own(target, key);
    const now = merged(old, value);
    if (now === old) continue;
    fields ??= new Map(Object.entries(target));
    if (now === undefined) fields.delete(key);
    else fields.set(key, now);
  }
  return fields ? Object.fromEntries(fields) : target;
}

function merged(old: Value | undefined, value: Value): Value | undefined {
  if (value === null) return undefined;
  if (isObject(value)) return merge(isObject(old) ? old : {}, value);
  return equal(old, value) ? old : value;
}

/** Whether `edit` of a record replaces or removes the string or array at `path` (rule S-6). */
export function replacesValue(edit: Edit, path: string): boolean {
  if (edit.op === "merge") return replaces(edit.data, path);
  if (edit.op === "put" || edit.op === "delete") return true;
  return edit.op !== "splice" && covers(edit.path, path);
}

function replaces(patch: ObjectValue, path: string): boolean {
  let value: Value | undefined = patch;
  for (const key of parsePath(path)) {
    if (!isObject(value)) return true;
    value = own(value, key);
    if (value === undefined) return false;
  }
  // Whatever it is, an object too, it takes the place of the string or array.
  return true;
}
