/** Sort keys: texts whose order by code units puts records in order, with room between any two. */

const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/** How far apart keys are made that follow each other. */
const STRIDE = 2 ** 18;
/** Places that there must be to choose from, so that two people hardly choose the same. */
const CHOICE = 2 ** 12;
/** Digits a number may have: 62^8 is well below 2^53. */
const LONGEST = 8;

/**
 * A key that sorts behind `before` and ahead of `after`, both made by this function; null: the end of the list.
 *
 * Sort with `<`, not with `localeCompare`. Two people who insert at the same place at once get different keys, which stand
 * there in either order. Keys stay short: thousands of insertions at one place make about 10 characters.
 *
 * @throws RangeError when `before` is not less than `after`, or one is not a key.
 */
export function keyBetween(before: string | null, after: string | null): string {
  const low = before ?? "";
  if (after !== null && low >= after) throw new RangeError(`no key is between ${before} and ${after}`);
  if (after?.startsWith(low)) return low + encode(numberAt(after, low.length) - someOf(STRIDE));
  const start = lastNumber(low);
  const parent = low.slice(0, start);
  if (low) {
    const number = numberAt(low, start);
    const next = after?.startsWith(parent) ? numberAt(after, start) : Number.POSITIVE_INFINITY;
    const width = Math.min(STRIDE, (next - number) / 2);
    if (width >= CHOICE) return parent + encode(number + someOf(width));
  }
  return low + encode(someOf(STRIDE));
}

/*
 * A key is a row of numbers. One that continues another sorts between that and what follows it, as the children in a tree
 * do. Numbers sort as texts: the first character says how many digits follow, a to h for 0 and up, Z to S for less.
 */

/** About half to one and a half `width`. */
const someOf = (width: number) => Math.ceil(width * (0.5 + Math.random()));

/** How many digits follow the first character `head`. */
function digitsAfter(head = ""): number {
  const length = head >= "a" ? head.charCodeAt(0) - 96 : 91 - head.charCodeAt(0);
  if (length > 0 && length <= LONGEST) return length;
  throw new RangeError("not a key of keyBetween");
}

/** Where the last number of `key` begins. */
function lastNumber(key: string): number {
  let start = 0;
  for (let at = 0; at < key.length; at += digitsAfter(key[at]) + 1) start = at;
  return start;
}

function numberAt(key: string, at: number): number {
  const length = digitsAfter(key[at]);
  let number = 0;
  for (const digit of key.slice(at + 1, at + 1 + length)) number = number * 62 + DIGITS.indexOf(digit);
  return key.charAt(at) >= "a" ? number + shorter(length) : number - 62 ** length - shorter(length);
}

function encode(number: number): string {
  const distance = number < 0 ? -1 - number : number;
  let length = 1;
  while (distance >= shorter(length + 1)) length++;
  let rest = number < 0 ? number + 62 ** length + shorter(length) : number - shorter(length);
  let text = "";
  for (let i = 0; i < length; i++) {
    text = DIGITS[rest % 62] + text;
    rest = Math.floor(rest / 62);
  }
  return String.fromCharCode(number < 0 ? 91 - length : 96 + length) + text;
}

/** How many numbers have fewer than `length` digits. */
function shorter(length: number): number {
  return length > 1 ? 62 ** (length - 1) + shorter(length - 1) : 0;
}
