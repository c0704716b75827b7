import { type ReactNode, useEffect, useRef } from "react";
import { inspect } from "revring/inspector";
import { Icon } from "./icons";
import { useSession } from "./session";

/** The drawer that shows what goes on between this page and the server. */
export function Inspector({ close }: { close: () => void }): ReactNode {
  const { room } = useSession();
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (place.current) return inspect(room, { container: place.current });
  }, [room]);
  return (
    <aside className="inspector" aria-label="Inspector" data-testid="inspector">
      <div className="inspector-header">
        <h2>Inspector</h2>
        <button type="button" className="icon-button" aria-label="Close the inspector" onClick={close}>
          <Icon name="close" />
        </button>
      </div>
      <div ref={place} />
    </aside>
  );
}
