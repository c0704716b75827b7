import { type KeyboardEvent, type ReactNode, useCallback, useEffect, useRef, useState } from "react";
import { Icon, type IconName } from "./icons";
import { Popover } from "./Popover";

/** Something a menu can do. */
export interface MenuItem {
  readonly label: string;
  readonly run: () => void;
  /** For one of several choices: whether it is the present one. */
  readonly checked?: boolean;
  readonly danger?: boolean;
  readonly swatch?: string;
}

/** Items that belong together. */
export interface MenuGroup {
  readonly heading?: string;
  /** Shown as a row of swatches. */
  readonly row?: boolean;
  readonly items: readonly MenuItem[];
}

interface MenuProps {
  label: string;
  icon: IconName;
  tabbable?: boolean;
  testId: string;
  /** Asked when the menu opens. */
  groups: () => readonly MenuGroup[];
}

/** A button that opens a menu. */
export function Menu({ label, icon, tabbable = true, testId, groups }: MenuProps): ReactNode {
  const [open, setOpen] = useState<readonly MenuGroup[]>();
  const button = useRef<HTMLButtonElement>(null);
  const close = useCallback(() => setOpen(undefined), []);
  const run = (item: MenuItem) => {
    close();
    button.current?.focus();
    item.run();
  };
  return (
    <>
      <button
        ref={button}
        type="button"
        className="icon-button menu-button"
        aria-label={label}
        aria-haspopup="menu"
        aria-expanded={open !== undefined}
        tabIndex={tabbable ? 0 : -1}
        data-testid={testId}
        onClick={() => setOpen(open ? undefined : groups())}
      >
        <Icon name={icon} />
      </button>
      {open && (
        <Popover
          anchor={button}
          label={label}
          role="menu"
          close={close}
          onKeyDown={(event) => step(event, close)}
        >
          <Items groups={open} run={run} />
        </Popover>
      )}
    </>
  );
}

function Items({ groups, run }: { groups: readonly MenuGroup[]; run: (item: MenuItem) => void }): ReactNode {
  const first = useRef<HTMLDivElement>(null);
  useEffect(() => first.current?.querySelector<HTMLElement>("[role^=menuitem]")?.focus(), []);
  return (
    <div ref={first}>
      {groups.map(({ heading, row, items }) => (
        // biome-ignore lint/a11y/useSemanticElements: a fieldset does not belong into a menu
        <div key={items[0]?.label} role="group" aria-label={heading} className="menu-group" data-row={row}>
          {heading && <div className="menu-heading">{heading}</div>}
          {items.map((item) => (
            // biome-ignore lint/a11y/useAriaPropsSupportedByRole: a choice has it, and is a menuitemradio
            <button
              key={item.label}
              type="button"
              role={item.checked === undefined ? "menuitem" : "menuitemradio"}
              aria-checked={item.checked}
              title={row ? item.label : undefined}
              tabIndex={-1}
              className="menu-item"
              data-danger={item.danger || undefined}
              onClick={() => run(item)}
            >
              {item.swatch !== undefined && <span className="swatch" data-colour={item.swatch} />}
              <span className={row ? "hidden" : "menu-label"}>{item.label}</span>
            </button>
          ))}
        </div>
      ))}
    </div>
  );
}

/** Arrow keys, Home, End and first letters go from item to item; Tab leaves. */
function step(event: KeyboardEvent<HTMLElement>, close: () => void): void {
  const items = Array.from(event.currentTarget.querySelectorAll<HTMLElement>("[role^=menuitem]"));
  const at = items.findIndex((item) => item.matches(":focus"));
  const ahead = [...items.slice(at + 1), ...items.slice(0, Math.max(at, 0))];
  const letter = event.key.length === 1 && event.key !== " " ? event.key.toLowerCase() : undefined;
  const target =
    event.key === "ArrowDown" || event.key === "ArrowRight"
      ? ahead[0]
      : event.key === "ArrowUp" || event.key === "ArrowLeft"
        ? ahead.at(-1)
        : event.key === "Home"
          ? items[0]
          : event.key === "End"
            ? items.at(-1)
            : letter && ahead.find((item) => item.textContent?.toLowerCase().startsWith(letter));
  if (event.key === "Tab") close();
  if (!target) return;
  event.preventDefault();
  target.focus();
}
