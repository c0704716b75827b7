/** The fields of each kind of change, in their order on the wire (rules D-1 and W-3). */

import { any, type Check, count, number, object, sequence, text } from "./check.js";
import { checkName } from "./names.js";
import { parsePath } from "./path.js";

const path: Check<string> = (value, name) => {
  const path = text(value, name);
  parsePath(path);
  return path;
};

/** Which record. */
export const RECORD = {
  collection: (value) => checkName("collection", text(value, "collection")),
  id: (value) => checkName("id", text(value, "id")),
} satisfies { [name: string]: Check<string> };

/** What follows the record and its version. */
export const OPS = {
  put: { data: object },
  merge: { data: object },
  set: { path, value: any },
  unset: { path },
  delete: {},
  add: { path, by: number },
  splice: { path, at: count, remove: count, insert: sequence },
};
