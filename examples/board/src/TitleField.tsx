import { type KeyboardEvent, type ReactNode, useEffect, useRef } from "react";

interface Props {
  label: string;
  value: string;
  /** Undefined: nothing was entered. */
  done: (typed: string | undefined) => void;
  placeholder?: string;
}

/** A line of text: Enter and leaving it take what was typed, Escape does not. */
export function TitleField({ label, value, done, placeholder }: Props): ReactNode {
  const field = useRef<HTMLInputElement>(null);
  const ended = useRef(false);
  useEffect(() => field.current?.select(), []);
  const end = (typed: string | undefined) => {
    // Taking the field away lets it lose the focus once more.
    if (ended.current) return;
    ended.current = true;
    done(typed?.trim() || undefined);
  };
  const onKeyDown = (event: KeyboardEvent<HTMLInputElement>) => {
    if (event.nativeEvent.isComposing) return;
    if (event.key === "Enter") end(event.currentTarget.value);
    else if (event.key === "Escape") end(undefined);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <input
      ref={field}
      className="title-field"
      type="text"
      aria-label={label}
      defaultValue={value}
      placeholder={placeholder}
      maxLength={120}
      onKeyDown={onKeyDown}
      onBlur={(event) => end(event.currentTarget.value)}
    />
  );
}
