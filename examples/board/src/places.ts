import { keyBetween } from "revring";

/** Between which two things of a list something stands; null: at that end of it. */
export interface Between {
  readonly before: string | null;
  readonly after: string | null;
}

interface Placed {
  readonly id: string;
  readonly order: string;
}

/** Where `place` is in a list that may have changed since: the index to insert at. */
export function indexOf(ids: readonly string[], place: Between): number {
  const next = place.after === null ? -1 : ids.indexOf(place.after);
  if (next >= 0) return next;
  const last = place.before === null ? -1 : ids.indexOf(place.before);
  if (last >= 0) return last + 1;
  return place.before === null && place.after !== null ? 0 : ids.length;
}

/** The place at `index` of a list. */
export function placeAt(ids: readonly string[], index: number): Between {
  return { before: ids[index - 1] ?? null, after: ids[index] ?? null };
}

/**
 * The sort keys to write so that something new stands at `index` of `list`: its own, and, where no key is between its
 * neighbours (others wrote keys of their own making), new ones for the whole list.
 */
export function keysFor(
  list: readonly Placed[],
  index: number,
): { own: string; others: Map<string, string> } {
  try {
    const own = keyBetween(list[index - 1]?.order ?? null, list[index]?.order ?? null);
    return { own, others: new Map() };
  } catch {
    const keys = row(list.length + 1);
    const own = keys.splice(index, 1)[0] ?? keyBetween(null, null);
    return { own, others: new Map(list.map(({ id }, i) => [id, keys[i] ?? own])) };
  }
}

/** `count` sort keys, ascending. */
export function row(count: number): string[] {
  const keys: string[] = [];
  for (let i = 0; i < count; i++) keys.push(keyBetween(keys.at(-1) ?? null, null));
  return keys;
}
