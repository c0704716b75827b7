import { useCallback, useSyncExternalStore } from "react";
import type { Outcome } from "../replica/event.js";
import type { Room } from "../room.js";
import { nothing } from "./records.js";

/** What can be undone and redone in a room. */
export interface RoomUndo {
  readonly canUndo: boolean;
  readonly canRedo: boolean;
  /** Takes back one's own last update. */
  readonly undo: () => Promise<Outcome> | undefined;
  /** Makes again what was taken back last. */
  readonly redo: () => Promise<Outcome> | undefined;
}

/** Undo and redo of one's own updates. */
export function useUndo(room: Room | undefined): RoomUndo {
  // What can be undone changes only with the view.
  const subscribe = useCallback((changed: () => void) => room?.subscribe(changed) ?? nothing, [room]);
  const canUndo = useSyncExternalStore(subscribe, () => room?.canUndo ?? false, never);
  const canRedo = useSyncExternalStore(subscribe, () => room?.canRedo ?? false, never);
  const undo = useCallback(() => room?.undo(), [room]);
  const redo = useCallback(() => room?.redo(), [room]);
  return { canUndo, canRedo, undo, redo };
}

const never = () => false;
