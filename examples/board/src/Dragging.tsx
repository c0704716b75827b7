import {
  type Announcements,
  DndContext,
  type DragMoveEvent,
  DragOverlay,
  type DragStartEvent,
  type KeyboardCoordinateGetter,
  KeyboardSensor,
  MouseSensor,
  TouchSensor,
  useSensor,
  useSensors,
} from "@dnd-kit/core";
import { type ReactNode, useMemo } from "react";
import { flushSync } from "react-dom";
import { aimCard, aimColumn } from "./aim";
import { CardPreview } from "./Card";
import { ColumnPreview } from "./Column";
import { draggedBy } from "./drag";
import { focusMoved, showMoving } from "./focus";
import { stepTo } from "./keyboard-drag";
import { STRAYS } from "./lineup";
import { type Session, useSession } from "./session";
import { useSignal } from "./signal";
import { whatMoves, whereTo } from "./words";

const KEYS = { start: ["Space"], cancel: ["Escape"], end: ["Space", "Enter", "Tab"] };
/** A long press on touch screens: shorter ones scroll. */
const TOUCH = { delay: 220, tolerance: 8 };
const MOUSE = { distance: 6 };
/** The announcer speaks, so that the menu's moves sound the same. */
const SILENT: Announcements = {
  onDragStart: () => undefined,
  onDragOver: () => undefined,
  onDragEnd: () => undefined,
  onDragCancel: () => undefined,
};
const ACCESSIBILITY = {
  announcements: SILENT,
  screenReaderInstructions: { draggable: "" },
  // What was moved is another element then.
  restoreFocus: false,
};
const AUTO_SCROLL = { layoutShiftCompensation: false, acceleration: 6 };

/** Lets what is within be dragged: by mouse, by a long press, and by keyboard. */
export function Dragging({ children }: { children: ReactNode }): ReactNode {
  const session = useSession();
  const handlers = useMemo(() => handlersOf(session), [session]);
  const keyboard = useMemo(() => ({ keyboardCodes: KEYS, coordinateGetter: getterOf(session) }), [session]);
  const sensors = useSensors(
    useSensor(MouseSensor, { activationConstraint: MOUSE }),
    useSensor(TouchSensor, { activationConstraint: TOUCH }),
    useSensor(KeyboardSensor, keyboard),
  );
  return (
    <DndContext
      sensors={sensors}
      accessibility={ACCESSIBILITY}
      autoScroll={AUTO_SCROLL}
      collisionDetection={() => []}
      {...handlers}
    >
      {children}
      <Lifted />
    </DndContext>
  );
}

/** What is being moved, below the pointer. */
function Lifted(): ReactNode {
  const { drag } = useSession();
  const moving = useSignal(drag, () => drag.now);
  return (
    <DragOverlay className="overlay" dropAnimation={null}>
      {moving?.by === "pointer" &&
        (moving.kind === "card" ? <CardPreview id={moving.id} /> : <ColumnPreview id={moving.id} />)}
    </DragOverlay>
  );
}

function handlersOf(session: Session) {
  const { drag, lineup, model, presence, announcer } = session;
  return {
    onDragStart({ active, activatorEvent }: DragStartEvent) {
      const [kind, id] = draggedBy(String(active.id));
      const by = activatorEvent instanceof KeyboardEvent ? "keyboard" : "pointer";
      drag.start(kind, id, kind === "card" ? lineup.columnWith(id) : "", by);
      presence.hold(id);
      announcer.say(
        `Picked up ${whatMoves(session)}. ${whereTo(session)} Arrow keys move it, space drops it, escape puts it back.`,
      );
    },
    onDragMove({ active }: DragMoveEvent) {
      const box = active.rect.current.translated;
      if (!box || drag.now?.by !== "pointer") return;
      if (drag.now.kind === "column") return drag.aim("", aimColumn(drag.now.id, box));
      const aim = aimCard(drag.now.id, box);
      if (aim) drag.aim(aim.column, aim.index);
    },
    onDragEnd() {
      const said = `${whatMoves(session)} dropped. ${whereTo(session)}`;
      const moved = drag.end();
      presence.hold(undefined);
      if (!moved) return;
      if (moved.by === "keyboard") focusMoved(moved);
      announcer.say(said);
      if (moved.kind === "column") model.moveColumn(moved.id, moved.place);
      else if (moved.column !== STRAYS && model.card(moved.id))
        model.moveCard(moved.id, moved.column, moved.place);
    },
    onDragCancel() {
      announcer.say(`${whatMoves(session)} is back where it was.`);
      const moved = drag.end();
      presence.hold(undefined);
      if (moved?.by === "keyboard") focusMoved(moved);
    },
  };
}

/** Moves by arrow keys from place to place; nothing floats then, so there are no coordinates to give. */
function getterOf({ drag, lineup, ...session }: Session): KeyboardCoordinateGetter {
  return (event) => {
    const step = stepTo(event.code, drag, lineup);
    if (!step) return undefined;
    event.preventDefault();
    flushSync(() => drag.aim(step.column, step.index));
    showMoving();
    session.announcer.say(whereTo({ ...session, drag, lineup }));
    return undefined;
  };
}
