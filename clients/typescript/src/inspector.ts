/** A small panel that shows what goes on between a room and its server. */

import { Log } from "./inspector/log.js";
import { Panel } from "./inspector/panel.js";
import type { Room } from "./room.js";

/** Where the inspector is, and how it begins. */
export interface InspectOptions {
  /** What it is put into, open and without a button of its own. Default: the page, in a corner above everything. */
  readonly container?: Element | undefined;
  /** Whether it begins open where it has its button. Default: no. */
  readonly open?: boolean | undefined;
}

/** The panel is drawn anew at most every so many milliseconds. */
const PAUSE_MS = 250;
/** How often it is drawn while nothing happens, for what grows older. */
const IDLE_MS = 1000;

/** Adds an inspector of `room` to the page; gives what takes it away. While it is closed it only keeps the last events. */
export function inspect(room: Room, { container, open = false }: InspectOptions = {}): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let due = Number.POSITIVE_INFINITY;
  let drawn = Number.NEGATIVE_INFINITY;
  const draw = () => {
    drawn = performance.now();
    due = Number.POSITIVE_INFINITY;
    panel.draw(log);
    plan(IDLE_MS);
  };
  const plan = (wait: number) => {
    const at = drawn + wait;
    if (!panel.isOpen || at >= due) return;
    clearTimeout(timer);
    due = at;
    timer = setTimeout(draw, Math.max(0, at - performance.now()));
  };
  const log = new Log(room, () => plan(PAUSE_MS));
  const panel = new Panel(room, container, (open) => {
    clearTimeout(timer);
    due = Number.POSITIVE_INFINITY;
    if (open) draw();
  });
  panel.toggle(open || container !== undefined);
  return () => {
    clearTimeout(timer);
    log.stop();
    panel.remove();
  };
}
