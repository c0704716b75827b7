import { Signal } from "./signal";

/** What a screen reader says next. */
export class Announcer extends Signal {
  text = "";

  /** Says `text`, also when it is the same as before. */
  say(text: string): void {
    this.text = text === this.text ? `${text}\u00a0` : text;
    this.emit();
  }
}
