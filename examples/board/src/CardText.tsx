import {
  type KeyboardEvent,
  type ReactNode,
  type RefObject,
  useCallback,
  useEffect,
  useLayoutEffect,
  useRef,
} from "react";
import { useText } from "revring/react";
import { Carets } from "./Carets";
import { focusCard } from "./focus";
import { isRedo, isUndo } from "./keys";
import type { Person } from "./people";
import { useSession } from "./session";

/** A card that is open for writing. Others may write in it at the same time: their carets show behind the text. */
export function CardText({ id, people }: { id: string; people: readonly Person[] }): ReactNode {
  const { room, editing, model } = useSession();
  const { value = "", bind } = useText(room, "cards", id, "/text");
  const area = useRef<HTMLTextAreaElement>(null);
  const attach = useCallback(
    (element: HTMLTextAreaElement | null) => {
      area.current = element;
      bind.ref(element);
    },
    [bind],
  );
  useCaret(id, area);

  const onKeyDown = (event: KeyboardEvent<HTMLTextAreaElement>) => {
    if (event.nativeEvent.isComposing) return;
    if (event.key === "Escape" || (event.key === "Enter" && (event.ctrlKey || event.metaKey))) {
      editing.close(id);
      focusCard(id);
    } else if (isUndo(event)) follow(event.currentTarget, () => model.undo());
    else if (isRedo(event)) follow(event.currentTarget, () => model.redo());
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const onBlur = () => {
    // The window lost the focus, or the card was moved by someone: one is still writing.
    const element = area.current;
    if (element?.isConnected && document.activeElement !== element) editing.close(id);
  };
  return (
    <div className="editor">
      <div className="mirror" aria-hidden="true">
        <Carets id={id} text={value} people={people} />
        {"\u200b"}
      </div>
      <textarea
        {...bind}
        ref={attach}
        onChange={(event) => model.attempt(() => bind.onChange(event))}
        rows={1}
        aria-label="Text of the card"
        aria-describedby="text-help"
        data-testid="card-text"
        onKeyDown={onKeyDown}
        onBlur={onBlur}
      />
    </div>
  );
}

/** Puts the caret where it was when the card was last drawn, and tells the others where it goes. */
function useCaret(id: string, area: RefObject<HTMLTextAreaElement | null>): void {
  const { editing, presence } = useSession();
  useLayoutEffect(() => {
    const element = area.current;
    if (!element) return;
    const end = element.value.length;
    const [from, to] = editing.selection ?? [end, end];
    element.focus({ preventScroll: true });
    element.setSelectionRange(Math.min(from, end), Math.min(to, end));
  }, [area, editing]);
  useEffect(() => {
    const onSelection = () => {
      const element = area.current;
      if (!element || document.activeElement !== element) return;
      editing.selection = [element.selectionStart, element.selectionEnd];
      presence.write({ card: id, from: element.selectionStart, to: element.selectionEnd });
    };
    onSelection();
    document.addEventListener("selectionchange", onSelection);
    return () => {
      document.removeEventListener("selectionchange", onSelection);
      presence.write(undefined);
    };
  }, [id, area, editing, presence]);
}

/** Does `change`, and puts the caret behind what it changed. */
function follow(area: HTMLTextAreaElement, change: () => void): void {
  const before = area.value;
  change();
  requestAnimationFrame(() => {
    const after = area.value;
    if (after === before) return;
    let same = 0;
    const most = Math.min(before.length, after.length);
    while (same < most && before.at(-1 - same) === after.at(-1 - same)) same++;
    area.setSelectionRange(after.length - same, after.length - same);
  });
}
