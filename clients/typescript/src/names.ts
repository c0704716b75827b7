/** Which names are valid (rules N-1 and N-2). */

import { utf8Length } from "./value.js";

/** Of each kind of name: the least and the most bytes, and the characters. */
const RULES = {
  room: [1, 128, /^[\w\-.:~@/]*$/],
  collection: [1, 64, /^[^\p{Cc}\p{Cs}]*$/u],
  id: [1, 128, /^[^\p{Cc}\p{Cs}]*$/u],
  clientReqId: [1, 64, /^[!-~]*$/],
  clientKey: [16, 128, /^[!-~]*$/],
} as const;

/** What a name is of. */
export type NameKind = keyof typeof RULES;

/** `name`, which is to be one of a `kind`. Throws a RangeError that tells the rule when it is not valid. */
export function checkName(kind: NameKind, name: string): string {
  const [least, most, characters] = RULES[kind];
  const bytes = utf8Length(name);
  if (bytes >= least && bytes <= most && characters.test(name)) return name;
  // A clientKey is a secret: not shown.
  throw new RangeError(`${kind} must be ${least} to ${most} bytes and match ${characters}`);
}
