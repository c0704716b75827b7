/** What is to be done now to take back what was done. */

import { editData } from "../edit.js";
import type { Key } from "../key.js";
import { find } from "../path.js";
import type { Change, ObjectValue, Rec } from "../types.js";
import { equal, isObject } from "../value.js";
import type { Part } from "./parts.js";

/** Past so many changes, which may be more than an update takes, records are put as a whole. */
const MANY = 128;

/** The changes that take back `parts` in their order, as far as others have not changed the same since. */
export function planOf(parts: readonly Part[], get: (key: Key) => Rec | undefined): Change[] {
  const changes: Change[] = [];
  const work = new Map<Key, ObjectValue | undefined>();
  for (const part of parts) {
    const { key } = part;
    const view = get(key)?.data;
    let data = work.has(key) ? work.get(key) : view;
    for (const change of changesFor(part, data, view)) {
      try {
        data = made(data, change);
        work.set(key, data);
        changes.push(change);
      } catch {
        // What it was in is gone.
      }
    }
  }
  if (changes.length <= MANY) return changes;
  return [...work].map(([key, data]) =>
    data ? { ...on(key), op: "put", data } : { ...on(key), op: "delete" },
  );
}

function on(key: Key): { collection: string; id: string } {
  const [collection = "", id = ""] = key.split("\n");
  return { collection, id };
}

function changesFor(part: Part, data: ObjectValue | undefined, view = data): Change[] {
  const { key, path, was, left, by, splices, seen } = part;
  const record = on(key);
  if (!path) {
    if (!isObject(was)) return data ? [{ ...record, op: "delete" }] : [];
    // Someone may create it before the server takes this: then theirs stays.
    return data ? [] : [{ ...record, ...(view ? {} : { ifVersion: 0 }), op: "put", data: was }];
  }
  if (!data) return [];
  const now = find(data, path);
  if (splices) {
    // The value is what it was, in the view or after what is taken back before.
    const fits = [data, view].some((data) => data && equal(find(data, path), seen));
    return fits ? splices.map((splice) => ({ ...record, op: "splice", path, ...splice })) : [];
  }
  const same = equal(now, left);
  // Sums go with what others add meanwhile, so they are preferred where they give exactly what was.
  if (by && typeof now === "number" && !(same && now - by !== was))
    return [{ ...record, op: "add", path, by: -by }];
  if (!same) return [];
  return [was === undefined ? { ...record, op: "unset", path } : { ...record, op: "set", path, value: was }];
}

/** `data` with `change`, which has no conditions here, made on it. */
function made(data: ObjectValue | undefined, change: Change): ObjectValue | undefined {
  if (change.op === "put") return change.data;
  return change.op === "delete" ? undefined : editData(data ?? {}, change);
}
