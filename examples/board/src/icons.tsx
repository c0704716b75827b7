import type { ReactNode } from "react";

const PATHS = {
  plus: "M10 4v12M4 10h12",
  more: "M4.5 10h.01M10 10h.01M15.5 10h.01",
  undo: "M7.5 5 4 8.5 7.5 12M4.5 8.5H12a4 4 0 0 1 0 8H9",
  redo: "M12.5 5 16 8.5 12.5 12M15.5 8.5H8a4 4 0 0 0 0 8h3",
  link: "M8.5 11.5a3 3 0 0 0 4.2 0l2.9-2.9a3 3 0 0 0-4.2-4.2l-.9.9M11.5 8.5a3 3 0 0 0-4.2 0l-2.9 2.9a3 3 0 0 0 4.2 4.2l.9-.9",
  inspect: "M3 10h3l2.5-6 3.5 12 2.5-6H17",
  grip: "M7.5 5h.01M7.5 10h.01M7.5 15h.01M12.5 5h.01M12.5 10h.01M12.5 15h.01",
  close: "M5.5 5.5l9 9M14.5 5.5l-9 9",
  down: "M5.5 8l4.5 4.5L14.5 8",
  check: "M4.5 10.5l3.5 3.5 7.5-8",
} as const;

/** The names of the icons. */
export type IconName = keyof typeof PATHS;

/** A small drawing beside or instead of a label; the control that has it needs a name of its own. */
export function Icon({ name }: { name: IconName }): ReactNode {
  const weight = name === "more" || name === "grip" ? 2.4 : 1.7;
  return (
    <svg className="icon" viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">
      <path
        d={PATHS[name]}
        fill="none"
        stroke="currentColor"
        strokeWidth={weight}
        strokeLinecap="round"
        strokeLinejoin="round"
      />
    </svg>
  );
}

/** The mark before the board's name. */
export function Logo(): ReactNode {
  return (
    <svg className="logo" viewBox="0 0 16 16" width="22" height="22" aria-hidden="true">
      <rect width="16" height="16" rx="4" />
      <path d="M4.5 4v8M8 4v5M11.5 4v6.5" />
    </svg>
  );
}
