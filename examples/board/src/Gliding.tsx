import { Component, createRef, type FocusEvent, type ReactNode } from "react";
import { STRAYS } from "./lineup";

interface Props {
  className: string;
  label: string;
  column: string;
  /** What the children are, in order: when it changes, they glide to their new places. */
  ids: readonly string[];
  onFocus: (event: FocusEvent<HTMLElement>) => void;
  children: ReactNode;
}

const GLIDE: KeyframeAnimationOptions = { duration: 160, easing: "cubic-bezier(0.2, 0, 0, 1)" };

/** A list of cards that glide when their order changes. A class, for only these can look before React changes the page. */
export class Gliding extends Component<Props> {
  private readonly list = createRef<HTMLUListElement>();

  override getSnapshotBeforeUpdate(before: Props): Map<string, number> | null {
    if (before.ids === this.props.ids || matchMedia("(prefers-reduced-motion: reduce)").matches) return null;
    return this.heights();
  }

  override componentDidUpdate(_props: Props, _state: unknown, before: Map<string, number> | null): void {
    if (!before) return;
    const after = this.heights();
    for (const element of this.list.current?.children ?? []) {
      const id = element.getAttribute("data-card") ?? "";
      const [from, to] = [before.get(id), after.get(id)];
      if (from === undefined || to === undefined || from === to || element.hasAttribute("data-moving"))
        continue;
      element.animate([{ transform: `translateY(${from - to}px)` }, { transform: "none" }], GLIDE);
    }
  }

  override render(): ReactNode {
    const { className, label, column, onFocus, children } = this.props;
    return (
      <ul
        ref={this.list}
        className={className}
        aria-label={label}
        data-cards={column === STRAYS ? undefined : column}
        data-testid="cards"
        onFocus={onFocus}
      >
        {children}
      </ul>
    );
  }

  /** Where the cards on the screen are; those far from it need not glide. */
  private heights(): Map<string, number> {
    const heights = new Map<string, number>();
    for (const element of this.list.current?.children ?? []) {
      const { top, bottom } = element.getBoundingClientRect();
      if (bottom > -innerHeight && top < 2 * innerHeight)
        heights.set(element.getAttribute("data-card") ?? "", top);
    }
    return heights;
  }
}
