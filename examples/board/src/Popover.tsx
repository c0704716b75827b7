import {
  type KeyboardEvent,
  type ReactNode,
  type RefObject,
  useEffect,
  useLayoutEffect,
  useRef,
  useState,
} from "react";
import { createPortal } from "react-dom";

const MARGIN = 8;

interface PopoverProps {
  /** What it belongs to: it stands below it, or above where there is no room. */
  anchor: RefObject<HTMLElement | null>;
  label: string;
  role: "menu" | "dialog";
  close: () => void;
  onKeyDown?: (event: KeyboardEvent<HTMLElement>) => void;
  children: ReactNode;
}

/** A panel above the page, closed by Escape, by a press elsewhere and when the focus goes elsewhere. */
export function Popover({ anchor, label, role, close, onKeyDown, children }: PopoverProps): ReactNode {
  const panel = useRef<HTMLDivElement>(null);
  const place = usePlace(anchor, panel);
  useEffect(() => {
    if (!panel.current?.contains(document.activeElement)) panel.current?.focus();
  }, []);
  useEffect(() => {
    const outside = (event: Event) => {
      const { target } = event;
      if (!(target instanceof Node)) return;
      if (!panel.current?.contains(target) && !anchor.current?.contains(target)) close();
    };
    const away = () => close();
    document.addEventListener("pointerdown", outside, true);
    document.addEventListener("focusin", outside);
    window.addEventListener("resize", away);
    return () => {
      document.removeEventListener("pointerdown", outside, true);
      document.removeEventListener("focusin", outside);
      window.removeEventListener("resize", away);
    };
  }, [anchor, close]);
  const keys = (event: KeyboardEvent<HTMLElement>) => {
    const leaves = event.key === "Escape" || (event.key === "Tab" && isAtEdge(event));
    if (!leaves) return onKeyDown?.(event);
    event.preventDefault();
    event.stopPropagation();
    close();
    anchor.current?.focus();
  };
  return createPortal(
    // biome-ignore lint/a11y/noStaticElementInteractions: a menu or a dialog
    // biome-ignore lint/a11y/useAriaPropsSupportedByRole: both have a name
    <div
      ref={panel}
      className="popover"
      role={role}
      aria-label={label}
      tabIndex={-1}
      style={place}
      onKeyDown={keys}
    >
      {children}
    </div>,
    document.body,
  );
}

/** Whether Tab leads out of the panel: it stands at the end of the page, far from where it belongs. */
function isAtEdge(event: KeyboardEvent<HTMLElement>): boolean {
  const fields = Array.from(event.currentTarget.querySelectorAll("button, input"));
  return event.target === fields.at(event.shiftKey ? 0 : -1);
}

/** Below the anchor; undefined on narrow screens, where the styles have a place for it. */
function usePlace(anchor: RefObject<HTMLElement | null>, panel: RefObject<HTMLElement | null>) {
  const [place, setPlace] = useState<{ left: number; top: number }>();
  useLayoutEffect(() => {
    if (!anchor.current || !panel.current || matchMedia("(max-width: 600px)").matches) return;
    const at = anchor.current.getBoundingClientRect();
    const { offsetWidth: width, offsetHeight: height } = panel.current;
    const below = at.bottom + 4;
    const fits = below + height + MARGIN <= innerHeight;
    const left = Math.min(at.left, innerWidth - width - MARGIN);
    setPlace({ left: Math.max(MARGIN, left), top: Math.max(MARGIN, fits ? below : at.top - 4 - height) });
  }, [anchor, panel]);
  return place;
}
