import { type Outcome, type Rec, type RecordChange, type Room, UpdateError } from "revring";
import type { Drag } from "./drag";
import type { Editing } from "./editing";
import { newId } from "./id";
import { cardOf, nameOf } from "./records";
import { Rescue } from "./rescue";
import type { ToastAction, Toasts } from "./toasts";

/** Tells people what became of their changes when it is not what they expect, and keeps what they wrote. */
export class Reporter {
  private readonly rescue: Rescue;
  private readonly expected = new Set<string>();
  private readonly stop: readonly (() => void)[];

  constructor(
    private readonly room: Room,
    private readonly toasts: Toasts,
    private readonly editing: Editing,
    private readonly drag: Drag,
  ) {
    this.rescue = new Rescue(room, (card) => this.keep(card));
    this.stop = [
      // Those of an earlier life of the page end here, too: a promise would know nothing of them.
      room.on("outcome", ({ id, outcome }) => this.ended(id, outcome)),
      room.subscribe("cards", ({ records, origin }) => {
        if (origin === "remote") for (const change of records) this.changed(change);
      }),
    ];
  }

  /** Something was done that can be taken back. */
  offer(text: string, action: ToastAction): void {
    this.toasts.show({ key: newId(), text, action });
  }

  /** The update `id` may be rejected: that is nothing to tell. */
  expect(id: string): void {
    this.expected.add(id);
  }

  /** An update could not be made at all. */
  refused(error: unknown): void {
    if (!(error instanceof UpdateError)) throw error;
    this.failed(error.code, error.message);
  }

  close(): void {
    for (const stop of this.stop) stop();
    this.rescue.close();
  }

  private ended(id: string, outcome: Outcome): void {
    if (this.rescue.ended(id, outcome) || this.expected.delete(id)) return;
    if (outcome.status === "rejected") this.failed(outcome.code, outcome.message);
  }

  private failed(code: string, message: string): void {
    this.toasts.show({ key: `failed:${code}`, text: wordsFor(code, message) });
  }

  /** Somebody else changed a card. */
  private changed(change: RecordChange): void {
    this.rescue.changed(change);
    const { id, before, after } = change;
    if (!before || after) return;
    if (this.editing.card === id) {
      this.editing.close(id);
      this.keep(before);
    } else if (this.drag.now?.id === id) {
      const action = { label: "Put it back", run: () => this.putBack(before) };
      const text = `Somebody deleted “${nameOf(cardOf(before))}” while you moved it.`;
      this.toasts.show({ key: `gone:${id}`, text, action });
    }
  }

  /** Offers the text of a card that is gone, or has another one. */
  private keep(card: Rec): void {
    const { text } = cardOf(card);
    if (text.trim() === "") return;
    const what = this.room.get("cards", card.id) ? "replaced the text of" : "deleted";
    const words = `Somebody ${what} “${nameOf({ text })}” while you were writing in it.`;
    const action = { label: "Keep my text as a new card", run: () => this.putBack(card) };
    this.toasts.show({ key: `gone:${card.id}`, text: words, action, stays: true });
  }

  private putBack({ data }: Rec): void {
    try {
      void this.room.put("cards", newId(), data);
    } catch (error) {
      this.refused(error);
    }
  }
}

function wordsFor(code: string, message: string): string {
  switch (code) {
    case "NOT_FOUND":
    case "CONFLICT":
      return "Somebody else changed this at the same time, so your change was left out.";
    case "FORBIDDEN":
    case "UNAUTHENTICATED":
      return "You may look at this board, but not change it.";
    case "TOO_LARGE":
      return "That is too long to be saved.";
    case "STALE":
      return "You have been offline for a while. Changes are possible again once the board is up to date.";
    case "OUTCOME_UNKNOWN":
      return "One of your changes may not have been saved. Please have a look.";
    case "CLOSED":
      return "The board is not connected any more, so nothing can be changed here.";
    default:
      return `A change was not saved: ${message}`;
  }
}
