/** Hooks for React. Each renders again only when what it gives has changed. */

import { createContext, createElement, type ReactNode, useContext, useEffect, useRef, useState } from "react";
import { type ConnectOptions, connect, type Room } from "./index.js";

export { type CollectionOptions, useCollection, useRecord } from "./react/records.js";
export { type RoomPresence, usePresence, useStatus } from "./react/status.js";
export { type TextBind, useText } from "./react/text.js";
export { type RoomUndo, useUndo } from "./react/undo.js";

const RoomContext = createContext<Room | undefined | null>(null);

/** Gives `room` to {@link useRoomContext} in all that is inside. */
export function RoomProvider(props: { room: Room | undefined; children?: ReactNode }): ReactNode {
  return createElement(RoomContext.Provider, { value: props.room }, props.children);
}

/** The room of the {@link RoomProvider} around; undefined while it is not open. Throws when there is no provider. */
export function useRoomContext(): Room | undefined {
  const room = useContext(RoomContext);
  if (room === null) throw new Error("useRoomContext needs a RoomProvider around it");
  return room;
}

/**
 * A room that is open as long as the component is there; undefined before and while rendering on a server. Another is
 * opened when `url`, `options.room` or `options.clientKey` is another; the other options count when it is opened.
 */
export function useRoom(url: string, options: ConnectOptions): Room | undefined {
  return useOpenRoom(() => connect(url, options), [url, options.room, options.clientKey].join("\n"));
}

/** The same for a room that `open` opens, such as with `connect` of `revring/json`; another when `key` is another. */
export function useOpenRoom(open: () => Room, key: string): Room | undefined {
  const [shown, show] = useState<Held>();
  const held = useRef<Held>(undefined);
  // biome-ignore lint/correctness/useExhaustiveDependencies: `open` may be another function each time
  useEffect(() => {
    let own = held.current;
    if (own?.key !== key) own = held.current = { key, room: open() };
    clearTimeout(own.closing);
    show(own);
    return () => {
      // In strict mode the component comes right back: then nothing is closed.
      own.closing = setTimeout(() => {
        if (held.current === own) held.current = undefined;
        void own.room.close();
      });
    };
  }, [key]);
  return shown?.key === key ? shown.room : undefined;
}

/** A room while a component has it open. */
interface Held {
  readonly key: string;
  readonly room: Room;
  closing?: ReturnType<typeof setTimeout>;
}
