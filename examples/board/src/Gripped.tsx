import { type DraggableSyntheticListeners, useDraggable } from "@dnd-kit/core";
import { type RefObject, useLayoutEffect } from "react";
import { dragName } from "./drag";

/** What begins a drag, once a card is known to the drag and drop library. */
export type Grip = DraggableSyntheticListeners;

interface Props {
  id: string;
  frame: RefObject<HTMLElement | null>;
  grip: RefObject<Grip>;
}

/**
 * Makes a card known to the drag and drop library, which draws all that it knows with each drag that begins or ends. So a
 * card is made known when it is pressed or focused, not before; then there may be thousands.
 */
export function Gripped({ id, frame, grip }: Props): null {
  const { setNodeRef, listeners } = useDraggable({ id: dragName("card", id) });
  useLayoutEffect(() => {
    setNodeRef(frame.current);
    grip.current = listeners;
    return () => {
      grip.current = undefined;
    };
  }, [setNodeRef, frame, grip, listeners]);
  return null;
}
