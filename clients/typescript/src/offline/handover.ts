/** Sends what closed tabs have left, under their own client keys: each update counts once, whoever sends it. */

import type { Courier, SeatRequest } from "../store.js";
import { heldLocks } from "./lock.js";
import type { Platform } from "./platform.js";
import type { Seats } from "./seats.js";

/** When to look for such seats, in milliseconds. */
export interface HandoverTimes {
  /** How long a seat must be free before it is taken: its tab may be reloading. */
  readonly graceMs: number;
  readonly everyMs: number;
}

/** Looks for abandoned queues for as long as its tab's room is open. */
export class Handover {
  private timer: ReturnType<typeof setTimeout> | undefined;
  private running: Promise<void> | undefined;
  private courier: Courier | undefined;
  private closed = false;
  private complained = false;
  /** Free at the last look. */
  private seen = new Set<string>();
  /** The server does not want their updates, or not from here. */
  private readonly refused = new Set<string>();

  constructor(
    private readonly platform: Platform,
    private readonly seats: Seats,
    private readonly request: SeatRequest,
    private readonly times: HandoverTimes,
  ) {}

  /** The room is live. */
  start(): void {
    if (this.timer || this.running || this.closed) return;
    this.running = this.round()
      .catch((error: unknown) => this.complain(error))
      .then(() => {
        this.running = undefined;
        if (!this.closed) this.again();
      });
  }

  /** Ends it. What a courier has not sent stays stored. */
  async stop(): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    await this.courier?.close();
    await this.running;
  }

  private complain(error: unknown): void {
    if (!this.complained) this.request.warn(`what closed tabs left cannot be read: ${error}`);
    this.complained = true;
  }

  private again(): void {
    const { graceMs, everyMs } = this.times;
    this.timer = setTimeout(
      () => {
        this.timer = undefined;
        this.start();
      },
      this.seen.size > 0 ? graceMs : everyMs,
    );
  }

  private async round(): Promise<void> {
    const found = await this.seats.orphans(await heldLocks(this.platform));
    const free = found.filter((id) => !this.refused.has(id));
    const ripe = free.filter((id) => this.seen.has(id));
    this.seen = new Set(free.filter((id) => !ripe.includes(id)));
    for (const id of ripe) if (!this.closed) await this.deliver(id);
    await this.seats.tidy();
  }

  private async deliver(id: string): Promise<void> {
    const seat = await this.seats.claim(id);
    if (!seat || !this.request.courier || this.closed) return seat?.close();
    // The lock is kept until the seat is gone, or another tab would find it half delivered.
    const { take, write, clientKey } = seat;
    const lent = { clientKey, take: take.bind(seat), write: write.bind(seat), close: async () => {} };
    try {
      this.courier = this.request.courier(lent);
      const sent = await this.courier.done;
      await this.courier.close();
      if (sent) await seat.remove();
      else if (!this.closed) this.refused.add(id);
    } finally {
      this.courier = undefined;
      await seat.close();
    }
  }
}
