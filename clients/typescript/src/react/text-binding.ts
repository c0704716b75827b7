import { Concurrent } from "../concurrent.js";
import { difference } from "../diff.js";
import { applySplice } from "../splice.js";
import type { TextField } from "../text.js";
import type { Splice, Value } from "../types.js";
import { positionAfter, splicesBetween } from "./differences.js";

/** A `<textarea>`, or an `<input>` of text. */
export type TextElement = HTMLTextAreaElement | HTMLInputElement;

/** An element and a text that show the same: what is typed goes into the text, what others type into the element. */
export class TextBinding {
  private element: TextElement | undefined;
  /** What the element showed before what is typed into it. */
  private base = "";
  /** The text as it was last. */
  private last = "";
  /** What happened to it since `base`. */
  private missed: Splice[] = [];
  private composing = false;

  /** @param field The text. */
  constructor(private readonly field: TextField<unknown>) {}

  /** The text; undefined: there is none. */
  get value(): string | undefined {
    return this.field.value;
  }

  /** Shows the text in `element`; null: no longer. */
  attach(element: TextElement | null): void {
    this.element = element ?? undefined;
    this.composing = false;
    this.missed = [];
    this.base = this.last = this.value ?? "";
    if (element && element.value !== this.base) element.value = this.base;
  }

  /** The text has changed. What is being composed is left alone until it is done. */
  follow(): void {
    this.look();
    if (this.composing) return;
    this.missed = [];
    this.base = this.last;
    this.show(this.last);
  }

  /** The user has edited the element. Throws what the room throws when it takes no updates: the edit is then gone. */
  typed(): void {
    if (this.composing || !this.element) return;
    this.look();
    const typed = new Concurrent(this.missed).rebase(change(this.base, this.element.value));
    const text = typed.reduce<Value>((text, splice) => applySplice(text, splice), this.last);
    try {
      if (typeof text === "string" && text !== this.last) this.field.replace(text);
    } finally {
      this.follow();
    }
  }

  /** The user begins to compose a character, or has done so. */
  compose(composing: boolean): void {
    this.composing = composing;
    this.typed();
  }

  /** Notes what has happened to the text. */
  private look(): void {
    const now = this.value ?? "";
    this.missed.push(...splicesBetween(this.last, now));
    this.last = now;
  }

  /** Puts `text` into the element, with the caret between the same characters. */
  private show(text: string): void {
    const { element } = this;
    if (!element || element.value === text) return;
    const { value, selectionStart, selectionEnd, selectionDirection, scrollTop } = element;
    const focused = element.ownerDocument.activeElement === element;
    element.value = text;
    // Elsewhere it would take the focus in some browsers.
    if (focused && selectionStart !== null && selectionEnd !== null) {
      const splices = splicesBetween(value, text);
      const moved = (position: number) => positionAfter(splices, position, value, text);
      element.setSelectionRange(moved(selectionStart), moved(selectionEnd), selectionDirection ?? "none");
    }
    element.scrollTop = scrollTop;
  }
}

/** The one splice that makes `after` of `before`. */
function change(before: string, after: string): Splice {
  const old = [...before];
  const now = [...after];
  const { start, remove, insert } = difference(old, now, (b, a) => old[b] === now[a]);
  return { at: start, remove, insert: now.slice(start, start + insert).join("") };
}
