import { Signals } from "./signal";

/** Which card is open for writing. It outlives the card's element: others may move the card meanwhile. */
export class Editing extends Signals {
  card: string | undefined;
  /** The selection, in UTF-16 units; undefined: behind the text. */
  selection: readonly [from: number, to: number] | undefined;

  /** Opens `card`, with the caret at `at` or behind the text. */
  open(card: string, at?: number): void {
    const before = this.card;
    this.card = card;
    this.selection = at === undefined ? undefined : [at, at];
    this.emit(before);
    this.emit(card);
  }

  /** Closes `card`, if it is the one. */
  close(card: string): void {
    if (this.card !== card) return;
    this.card = undefined;
    this.emit(card);
  }
}
