/** Where in the text of `element` a point of the window is, in UTF-16 units; undefined: nowhere in it. */
export function offsetAt(element: HTMLElement, x: number, y: number): number | undefined {
  // Clicked by keyboard or by assistive technology.
  if (x === 0 && y === 0) return undefined;
  const caret = document.caretPositionFromPoint?.(x, y);
  if (!caret || !element.contains(caret.offsetNode)) return undefined;
  const range = document.createRange();
  range.setStart(element, 0);
  range.setEnd(caret.offsetNode, caret.offset);
  return range.toString().length;
}
