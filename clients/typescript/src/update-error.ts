/** Why an update cannot be made. */

import type { Conflict, Value } from "./types.js";
import { isArray } from "./value.js";

/** Why an update was not taken. */
export type UpdateErrorCode =
  | "EMPTY"
  | "TOO_LARGE"
  | "DUPLICATE_ID"
  | "TOO_MANY_PENDING"
  | "NOT_SYNCED"
  | "NOT_FOUND"
  | "INVALID_CHANGE"
  | "CONFLICT"
  | "INVALID"
  | "STALE"
  | "CLOSED";

/** An update was not taken. Nothing is stored of it and no event follows. */
export class UpdateError extends Error {
  constructor(
    readonly code: UpdateErrorCode,
    message: string,
    /** With `CONFLICT`: the record that has another version than `ifVersion` asks for. */
    readonly conflict?: Conflict,
  ) {
    super(message);
    this.name = "UpdateError";
  }
}

/** That a change does not fit the record it is made on (rule D-2). */
export const misfit = (message: string): UpdateError => new UpdateError("INVALID_CHANGE", message);

/** That the value at `path` has the wrong type. */
export function wrongType(path: string, expected: string, found: Value | undefined): UpdateError {
  return misfit(`the value at ${path} must be ${expected}, it is ${kindOf(found)}`);
}

function kindOf(value: Value | undefined): string {
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  return isArray(value) ? "an array" : typeof value === "object" ? "an object" : `a ${typeof value}`;
}
