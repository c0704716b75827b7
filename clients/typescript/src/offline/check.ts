/** Whether what is read back can be what was stored. */

import type { SavedPending, SavedUpdate } from "../replica/save.js";
import type { Change, Rec } from "../types.js";

/** What is stored is not what this package stores; the message says what is wrong. */
export class Damaged extends Error {}

const OPS: ReadonlySet<unknown> = new Set(["put", "merge", "set", "unset", "delete", "add", "splice"]);

/** `value` as what was pending. Throws {@link Damaged}. */
export function checkPending(value: unknown): SavedPending {
  if (!isPending(value)) throw new Damaged("the position or the queue is damaged");
  return value;
}

/** `value` as a confirmed record. Throws {@link Damaged}. */
export function checkRecord(value: unknown): Rec {
  if (!isRecord(value)) throw new Damaged("a record is damaged");
  return value;
}

function isPending(value: unknown): value is SavedPending {
  return (
    isObject(value) &&
    isRev(value.rev) &&
    isRev(value.at) &&
    isOptional(value.epoch) &&
    isOptional(value.clientKey) &&
    Array.isArray(value.queue) &&
    value.queue.every(isUpdate)
  );
}

function isUpdate(value: unknown): value is SavedUpdate {
  return (
    isObject(value) &&
    typeof value.id === "string" &&
    Array.isArray(value.aliases) &&
    Array.isArray(value.changes) &&
    value.changes.length > 0 &&
    value.changes.every(isChange)
  );
}

function isChange(value: unknown): value is Change {
  return isObject(value) && OPS.has(value.op) && isName(value.collection) && isName(value.id);
}

function isRecord(value: unknown): value is Rec {
  return (
    isObject(value) &&
    isName(value.collection) &&
    isName(value.id) &&
    isRev(value.version) &&
    isRev(value.createdAt) &&
    isRev(value.updatedAt) &&
    isObject(value.data)
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isName(value: unknown): boolean {
  return typeof value === "string" && value !== "";
}

function isOptional(value: unknown): boolean {
  return value === undefined || isName(value);
}

function isRev(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}
