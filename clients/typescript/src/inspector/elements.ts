/** Rows of a list: what something is called or when it was, and what there is to say of it. */
export type Facts = readonly (readonly [name: string, detail: string])[];

/** An element of a class, with text in it. */
export function element<K extends keyof HTMLElementTagNameMap>(
  name: K,
  className: string,
  text = "",
): HTMLElementTagNameMap[K] {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.textContent = text;
  return made;
}

/** A headed list that is changed only where it differs. */
export class Rows {
  readonly section = element("div", "section");
  private readonly list: HTMLElement;
  private readonly rows: { row: HTMLElement; name: HTMLElement; detail: HTMLElement }[] = [];

  /**
   * @param kind What the list is.
   * @param heading Stands above it, and names it.
   */
  constructor(
    private readonly kind: "dl" | "ul",
    heading: string,
  ) {
    this.list = element(kind, "");
    this.list.setAttribute("aria-label", heading);
    this.section.append(element("h2", "", heading), this.list);
  }

  /** Shows `facts`; nothing at all when there are none. */
  show(facts: Facts): void {
    this.section.hidden = !facts.length;
    while (this.rows.length > facts.length) this.rows.pop()?.row.remove();
    for (const [index, [name, detail]] of facts.entries()) {
      const row = this.rows[index] ?? this.add();
      write(row.name, name);
      write(row.detail, detail);
    }
  }

  private add() {
    const terms = this.kind === "dl";
    const row = element(terms ? "div" : "li", "row");
    const made = { row, name: element(terms ? "dt" : "b", ""), detail: element(terms ? "dd" : "span", "") };
    row.append(made.name, " ", made.detail);
    this.list.append(row);
    this.rows.push(made);
    return made;
  }
}

function write(into: HTMLElement, text: string): void {
  if (into.textContent !== text) into.textContent = text;
}
