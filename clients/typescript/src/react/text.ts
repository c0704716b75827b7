import { type ChangeEvent, type RefCallback, useCallback, useMemo, useSyncExternalStore } from "react";
import type { Room } from "../room.js";
import { nothing } from "./records.js";
import { TextBinding, type TextElement } from "./text-binding.js";

/** The properties that tie a `<textarea>` or an `<input>` to a text. It keeps its own value: give it no other. */
export interface TextBind {
  readonly ref: RefCallback<TextElement>;
  readonly defaultValue: string;
  /** There is no such text: the record does not exist, or the room is not open. */
  readonly readOnly: boolean;
  readonly onChange: (event: ChangeEvent<TextElement>) => void;
  readonly onCompositionStart: () => void;
  readonly onCompositionEnd: () => void;
}

/**
 * The text at `path` of a record, which several people may type into at once: its `value`, undefined while there is none,
 * and `bind` for the element to type in, `<textarea {...bind} />`. There the caret stays where it is while others type,
 * and what an input method composes is left alone until it is done.
 */
export function useText(
  room: Room | undefined,
  collection: string,
  id: string,
  path: string,
): { readonly value: string | undefined; readonly bind: TextBind } {
  const binding = useMemo(
    () => room && new TextBinding(room.text(collection, id, path)),
    [room, collection, id, path],
  );
  const subscribe = useCallback(
    (changed: () => void) =>
      room?.subscribe(collection, id, () => {
        binding?.follow();
        changed();
      }) ?? nothing,
    [room, collection, id, binding],
  );
  const value = useSyncExternalStore(subscribe, () => binding?.value, nothing);
  // The same functions whatever the text is, so that React does not attach the element anew.
  const handlers = useMemo(
    () => ({
      ref: (element: TextElement | null) => binding?.attach(element),
      onChange: () => binding?.typed(),
      onCompositionStart: () => binding?.compose(true),
      onCompositionEnd: () => binding?.compose(false),
    }),
    [binding],
  );
  const readOnly = value === undefined;
  const bind = useMemo(
    () => ({ ...handlers, defaultValue: binding?.value ?? "", readOnly }),
    [handlers, binding, readOnly],
  );
  return { value, bind };
}
