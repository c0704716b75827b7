import { useCallback, useRef, useSyncExternalStore } from "react";
import type { Room } from "../room.js";
import type { Status } from "../status.js";
import type { ObjectValue } from "../types.js";
import { nothing } from "./records.js";

const UNOPENED: Status = { state: "connecting", pending: 0, lag: 0, since: 0, canWrite: false };
const NOBODY: ReadonlyMap<string, never> = new Map<string, never>();

/** How the room stands with its server; `connecting` before it is open. */
export function useStatus(room: Room | undefined): Status {
  const subscribe = useCallback((changed: () => void) => room?.onStatus(changed) ?? nothing, [room]);
  return useSyncExternalStore(
    subscribe,
    () => room?.status ?? UNOPENED,
    () => UNOPENED,
  );
}

/** Who else is in a room. */
export interface RoomPresence<T extends object> {
  /** What the others say of themselves, by `clientId`: the same map until that changes. */
  readonly others: ReadonlyMap<string, T>;
  /** Says what others see of this client; null: nothing. Always the same function. Before the room is open it does nothing. */
  readonly set: (data: T | null) => void;
}

/** Who else is here. `T` is what all clients of the application say; what others really sent is not checked. */
export function usePresence<T extends object = ObjectValue>(room: Room | undefined): RoomPresence<T> {
  const subscribe = useCallback(
    (changed: () => void) => room?.presence.subscribe(changed) ?? nothing,
    [room],
  );
  const last = useRef<ReadonlyMap<string, ObjectValue>>(NOBODY);
  const snapshot = () => {
    const others = room?.presence.others ?? NOBODY;
    // The room has another map after own changes too.
    if (!sameEntries(last.current, others)) last.current = others;
    return last.current;
  };
  const others = useSyncExternalStore(subscribe, snapshot, () => NOBODY) as ReadonlyMap<string, object>;
  const set = useCallback((data: T | null) => room?.presence.set(data), [room]);
  return { others: others as ReadonlyMap<string, T>, set };
}

function sameEntries(a: ReadonlyMap<string, unknown>, b: ReadonlyMap<string, unknown>): boolean {
  return a.size === b.size && [...a].every(([key, value]) => b.get(key) === value);
}
