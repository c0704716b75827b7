import {
  type FocusEvent,
  type KeyboardEvent,
  memo,
  type ReactNode,
  useEffect,
  useRef,
  useState,
} from "react";
import { flushSync } from "react-dom";
import { Icon } from "./icons";
import { useSession } from "./session";

/** Adds cards at the end of a column: Enter adds one and is ready for the next. */
export const AddCard = memo(function AddCard({
  column,
  title,
}: {
  column: string;
  title: string;
}): ReactNode {
  const [open, setOpen] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  const close = (focus: boolean) => {
    flushSync(() => setOpen(false));
    if (focus) button.current?.focus();
  };
  if (open) return <Composer column={column} title={title} close={close} />;
  return (
    <button
      ref={button}
      type="button"
      className="add-card"
      data-testid="add-card"
      onClick={() => setOpen(true)}
    >
      <Icon name="plus" />
      Add a card<span className="hidden"> to {title}</span>
    </button>
  );
});

interface ComposerProps {
  column: string;
  title: string;
  close: (focus: boolean) => void;
}

function Composer({ column, title, close }: ComposerProps): ReactNode {
  const { model, announcer } = useSession();
  const [text, setText] = useState("");
  const unsaved = useRef("");
  unsaved.current = text;
  useEffect(() => {
    return () => {
      // Somebody deleted the column meanwhile: the card goes where such cards are shown.
      if (unsaved.current.trim() !== "") model.addCard(column, unsaved.current.trim());
    };
  }, [model, column]);
  const add = () => {
    unsaved.current = "";
    if (text.trim() === "") return;
    const id = model.addCard(column, text.trim());
    setText("");
    announcer.say("Card added.");
    requestAnimationFrame(() => {
      document.querySelector(`[data-card="${CSS.escape(id)}"]`)?.scrollIntoView({ block: "nearest" });
    });
  };
  const leave = () => {
    unsaved.current = "";
    close(true);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.nativeEvent.isComposing) return;
    if (event.key === "Enter" && !event.shiftKey) add();
    else if (event.key === "Escape") leave();
    else return;
    event.preventDefault();
  };
  const onBlur = (event: FocusEvent<HTMLElement>) => {
    if (event.currentTarget.contains(event.relatedTarget) || !document.hasFocus()) return;
    // Nobody's words are thrown away.
    add();
    close(false);
  };
  return (
    <fieldset className="composer" aria-label={`New card in ${title}`} onBlur={onBlur}>
      <div className="grow" data-text={`${text}\u200b`}>
        <textarea
          // biome-ignore lint/a11y/noAutofocus: it was asked for
          autoFocus
          rows={2}
          value={text}
          aria-label="Text of the new card"
          placeholder="What is to be done?"
          data-testid="new-card"
          onChange={(event) => setText(event.target.value)}
          onKeyDown={onKeyDown}
        />
      </div>
      <div className="composer-buttons">
        <button type="button" className="primary" onClick={add}>
          Add card
        </button>
        <button
          type="button"
          className="quiet"
          onClick={() => {
            add();
            close(true);
          }}
        >
          Done
        </button>
      </div>
    </fieldset>
  );
}
