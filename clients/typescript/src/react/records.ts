import { useCallback, useRef, useSyncExternalStore } from "react";
import type { Room } from "../room.js";
import type { ObjectValue, Rec } from "../types.js";

const NONE: readonly never[] = [];
export const nothing = (): undefined => undefined;

/** A record; undefined: it does not exist, or the room is not open. */
export function useRecord<T extends object = ObjectValue>(
  room: Room | undefined,
  collection: string,
  id: string,
): Rec<T> | undefined {
  const subscribe = useCallback(
    (changed: () => void) => room?.subscribe(collection, id, changed) ?? nothing,
    [room, collection, id],
  );
  return useSyncExternalStore(subscribe, () => room?.get<T>(collection, id), nothing);
}

/** Which records of a collection, and in which order. The functions may be other ones each time. */
export interface CollectionOptions<T extends object> {
  /** Whether a record is wanted. Default: all. */
  readonly where?: ((record: Rec<T>) => boolean) | undefined;
  /** Compares two records. Default: by id. */
  readonly sort?: ((a: Rec<T>, b: Rec<T>) => number) | undefined;
}

/** The records of a collection: the same array until one of those in it changes, comes or goes. */
export function useCollection<T extends object = ObjectValue>(
  room: Room | undefined,
  collection: string,
  { where, sort }: CollectionOptions<T> = {},
): readonly Rec<T>[] {
  const subscribe = useCallback(
    (changed: () => void) => room?.subscribe(collection, changed) ?? nothing,
    [room, collection],
  );
  const last = useRef<{ list: unknown; where: unknown; sort: unknown; records: readonly Rec<T>[] }>(
    undefined,
  );
  const snapshot = () => {
    const list = room?.list<T>(collection) ?? NONE;
    const known = last.current;
    if (known?.list === list && known.where === where && known.sort === sort) return known.records;
    let records = where ? list.filter(where) : list;
    if (sort) records = [...records].sort(sort);
    if (known && sameItems(known.records, records)) records = known.records;
    last.current = { list, where, sort, records };
    return records;
  };
  return useSyncExternalStore(subscribe, snapshot, () => NONE);
}

const sameItems = (a: readonly unknown[], b: readonly unknown[]): boolean =>
  a.length === b.length && a.every((item, i) => item === b[i]);
