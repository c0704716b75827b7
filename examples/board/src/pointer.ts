import type { Pointer } from "./people";
import type { OwnPresence } from "./presence";

/** Tells the others where the mouse is on `board`; fingers do not point. Gives what ends it. */
export function followPointer(board: HTMLElement, presence: OwnPresence): () => void {
  const onMove = (event: PointerEvent) => {
    if (event.pointerType === "touch") return;
    const { target } = event;
    presence.point(
      target instanceof Element ? pointerAt(board, target, event.clientX, event.clientY) : undefined,
    );
  };
  const away = () => presence.point(undefined);
  const onHide = () => {
    if (document.hidden) away();
  };
  board.addEventListener("pointermove", onMove);
  board.addEventListener("pointerleave", away);
  document.addEventListener("visibilitychange", onHide);
  return () => {
    board.removeEventListener("pointermove", onMove);
    board.removeEventListener("pointerleave", away);
    document.removeEventListener("visibilitychange", onHide);
  };
}

/** Where somebody's pointer is on this screen; undefined: nowhere that can be seen. */
export function placeOf(board: HTMLElement, pointer: Pointer): { x: number; y: number } | undefined {
  const frame = board.getBoundingClientRect();
  const element = elementOf(board, pointer);
  if (!element) return undefined;
  const box = element.getBoundingClientRect();
  const x = pointer.in === "board" ? box.left + pointer.x : box.left + pointer.x * box.width;
  const y = pointer.in === "card" ? box.top + pointer.y * box.height : box.top + pointer.y;
  if (!within(frame, x, y)) return undefined;
  // A card that is scrolled out of its column.
  const list = pointer.in === "card" ? element.closest(".cards") : null;
  if (list && !within(list.getBoundingClientRect(), x, y)) return undefined;
  return { x: x - frame.left, y: y - frame.top };
}

function pointerAt(board: HTMLElement, target: Element, x: number, y: number): Pointer | undefined {
  // What is being moved stands elsewhere for the others.
  const card = target.closest<HTMLElement>("[data-card]:not([data-moving])");
  const column = target.closest<HTMLElement>("[data-column]");
  const element = card ?? column ?? board.querySelector("[data-columns]");
  if (!element) return undefined;
  const { left, top, width, height } = element.getBoundingClientRect();
  const [right, down] = [x - left, y - top];
  if (card)
    return { in: "card", id: card.dataset.card ?? "", x: share(right, width), y: share(down, height) };
  if (column)
    return { in: "column", id: column.dataset.column ?? "", x: share(right, width), y: Math.round(down) };
  return { in: "board", id: "", x: Math.round(right), y: Math.round(down) };
}

function elementOf(board: HTMLElement, { in: kind, id }: Pointer): Element | null {
  return board.querySelector(kind === "board" ? "[data-columns]" : `[data-${kind}="${CSS.escape(id)}"]`);
}

function share(part: number, whole: number): number {
  return whole === 0 ? 0 : Math.round((part / whole) * 1000) / 1000;
}

function within({ left, right, top, bottom }: DOMRect, x: number, y: number): boolean {
  return x >= left && x <= right && y >= top && y <= bottom;
}
