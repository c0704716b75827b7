import type { ObjectValue, Room } from "revring";
import type { Me } from "./me";
import type { Caret, Pointer } from "./people";

/** Least time between two messages, in milliseconds. */
const EVERY_MS = 50;
/** After this long without a movement the own pointer is taken off the others' screens. */
const IDLE_MS = 30_000;

/** What the others see of oneself: told when it changed, not more often than every 50 ms. */
export class OwnPresence {
  private pointer: Pointer | undefined;
  private caret: Caret | undefined;
  private holding: string | undefined;
  private told = "";
  private timer: ReturnType<typeof setTimeout> | undefined;
  private idle: ReturnType<typeof setTimeout> | undefined;
  private toldAt = Number.NEGATIVE_INFINITY;
  private readonly stop: () => void;

  constructor(
    private readonly room: Room,
    private readonly me: Me,
  ) {
    this.stop = me.subscribe(() => this.changed());
    this.changed();
  }

  /** The pointer is here; undefined: nowhere on the board. */
  point(pointer: Pointer | undefined): void {
    this.pointer = pointer;
    clearTimeout(this.idle);
    if (pointer) this.idle = setTimeout(() => this.point(undefined), IDLE_MS);
    this.changed();
  }

  /** Writing here; undefined: nowhere. */
  write(caret: Caret | undefined): void {
    this.caret = caret;
    this.changed();
  }

  /** Moving this card or column; undefined: nothing. */
  hold(id: string | undefined): void {
    this.holding = id;
    this.changed();
  }

  close(): void {
    this.stop();
    clearTimeout(this.timer);
    clearTimeout(this.idle);
  }

  private changed(): void {
    if (this.timer !== undefined) return;
    const wait = this.toldAt + EVERY_MS - performance.now();
    if (wait <= 0) this.tell();
    else {
      this.timer = setTimeout(() => {
        this.timer = undefined;
        this.tell();
      }, wait);
    }
  }

  private tell(): void {
    const data = this.data();
    const text = JSON.stringify(data);
    if (text === this.told) return;
    this.told = text;
    this.toldAt = performance.now();
    this.room.presence.set(data);
  }

  private data(): ObjectValue {
    const { name, colour, person } = this.me;
    const pointer = this.pointer && { ...this.pointer };
    return {
      name,
      colour,
      person,
      ...(pointer && { pointer }),
      ...(this.caret && { caret: { ...this.caret } }),
      ...(this.holding !== undefined && { holding: this.holding }),
    };
  }
}
