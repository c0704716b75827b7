import { type ReactNode, useEffect, useRef } from "react";
import { placeOf } from "./pointer";
import { useSession } from "./session";
import { useSignal } from "./signal";

/** The others' pointers, with their names. They are moved past React: this happens many times a second. */
export function Cursors(): ReactNode {
  const { people } = useSession();
  const list = useSignal(people, () => people.list);
  const layer = useRef<HTMLDivElement>(null);
  useEffect(() => {
    let frame = 0;
    const draw = () => {
      frame = 0;
      const board = layer.current?.parentElement;
      if (!board) return;
      for (const person of people.now) {
        const cursor = layer.current?.querySelector<HTMLElement>(
          `[data-client="${CSS.escape(person.client)}"]`,
        );
        if (!cursor) continue;
        const place = person.pointer && placeOf(board, person.pointer);
        if (place) {
          // One that was away appears where it is now, and does not fly there.
          cursor.classList.toggle("flying", cursor.style.visibility === "visible");
          cursor.style.transform = `translate(${place.x}px, ${place.y}px)`;
        }
        cursor.style.visibility = place ? "visible" : "hidden";
      }
    };
    const soon = () => {
      frame ||= requestAnimationFrame(draw);
    };
    const stop = people.moved.subscribe(soon);
    soon();
    // What is pointed at moves with every scroll.
    document.addEventListener("scroll", soon, { capture: true, passive: true });
    window.addEventListener("resize", soon);
    return () => {
      stop();
      cancelAnimationFrame(frame);
      document.removeEventListener("scroll", soon, { capture: true });
      window.removeEventListener("resize", soon);
    };
  }, [people]);
  return (
    <div ref={layer} className="cursors" aria-hidden="true" data-testid="cursors">
      {list.map((person) => (
        <div key={person.client} className="cursor" data-client={person.client} data-person={person.colour}>
          <svg viewBox="0 0 16 18" width="16" height="18" aria-hidden="true">
            <path d="M1 1l4.2 14.5 3.2-5.8 6.3-1.7z" />
          </svg>
          <span>{person.name}</span>
        </div>
      ))}
    </div>
  );
}
