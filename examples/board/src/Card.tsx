import { type KeyboardEvent, type MouseEvent, memo, type ReactNode, useRef, useState } from "react";
import { flushSync } from "react-dom";
import { CardMenu } from "./CardMenu";
import { CardText } from "./CardText";
import { Carets } from "./Carets";
import { type Grip, Gripped } from "./Gripped";
import { offsetAt } from "./offset";
import type { Person } from "./people";
import { nameOf } from "./records";
import { useSession } from "./session";
import { Typists } from "./Typists";
import { useCard, useIsEditing, useMoving, usePeopleAt } from "./use-board";
import { useCardKeys } from "./use-card-keys";

/** A card in its column: drawn anew only when its own record, or what people do with it, changes. */
export const Card = memo(function Card({ id, tabbable }: { id: string; tabbable: boolean }): ReactNode {
  const card = useCard(id);
  const writing = useIsEditing(id);
  const moving = useMoving("card", id);
  const people = usePeopleAt(id);
  const frame = useRef<HTMLDivElement>(null);
  const grip = useRef<Grip>(undefined);
  const [gripped, setGripped] = useState(false);
  if (!card) return null;
  const holder = people.find((person) => person.holding === id);
  return (
    <li className="slot" data-card={id} data-testid="card" data-moving={moving}>
      <div
        ref={frame}
        className="card"
        data-colour={card.colour}
        data-writing={writing || undefined}
        data-held={holder && true}
        data-person={holder?.colour}
        // At once: the next event may begin a drag.
        onPointerDownCapture={() => gripped || flushSync(() => setGripped(true))}
        onFocusCapture={() => setGripped(true)}
      >
        {writing ? (
          <CardText id={id} people={people} />
        ) : (
          <Face id={id} text={card.text} tabbable={tabbable} people={people} grip={grip} />
        )}
        <CardMenu id={id} name={nameOf(card)} tabbable={tabbable} />
        <Typists id={id} people={people} />
      </div>
      {(gripped || moving) && <Gripped id={id} frame={frame} grip={grip} />}
    </li>
  );
});

interface FaceProps {
  id: string;
  text: string;
  tabbable: boolean;
  people: readonly Person[];
  grip: { readonly current: Grip };
}

/** The card as it is read: a button that opens it, and what one drags it by. */
function Face({ id, text, tabbable, people, grip }: FaceProps): ReactNode {
  const { editing, drag } = useSession();
  const onKey = useCardKeys(id);
  const open = (event: MouseEvent<HTMLElement>) => {
    const at = offsetAt(event.currentTarget, event.clientX, event.clientY);
    editing.open(id, at === undefined ? undefined : Math.min(at, text.length));
  };
  const onKeyDown = (event: KeyboardEvent<HTMLElement>) => {
    if (!drag.now) onKey(event);
    grip.current?.onKeyDown?.(event);
  };
  return (
    // A button element cannot hold lines of text that wrap as these do in all browsers.
    // biome-ignore lint/a11y/useSemanticElements: see above
    <div
      className="face"
      role="button"
      tabIndex={tabbable ? 0 : -1}
      aria-describedby="card-help"
      onClick={open}
      onKeyDown={onKeyDown}
      onMouseDown={(event) => grip.current?.onMouseDown?.(event)}
      onTouchStart={(event) => grip.current?.onTouchStart?.(event)}
    >
      {text.trim() === "" ? (
        <span className="empty">Empty card</span>
      ) : (
        <Carets id={id} text={text} people={people} />
      )}
    </div>
  );
}

/** A card below the pointer. */
export function CardPreview({ id }: { id: string }): ReactNode {
  const card = useCard(id);
  return (
    <div className="card lifted" data-colour={card?.colour}>
      <div className="face">{card ? card.text : <span className="empty">This card was deleted</span>}</div>
    </div>
  );
}
