interface Key {
  readonly key: string;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly shiftKey: boolean;
  readonly altKey: boolean;
}

/** Ctrl+Z, or Cmd+Z. */
export function isUndo(event: Key): boolean {
  return isCommand(event) && event.key.toLowerCase() === "z" && !event.shiftKey;
}

/** Ctrl+Shift+Z or Ctrl+Y, or with Cmd. */
export function isRedo(event: Key): boolean {
  const key = event.key.toLowerCase();
  return isCommand(event) && ((key === "z" && event.shiftKey) || (key === "y" && !event.shiftKey));
}

function isCommand(event: Key): boolean {
  return (event.ctrlKey || event.metaKey) && !event.altKey;
}
