/** The pause between attempts to connect: each at most twice as long as the one before, and up to `maxMs`. */
export interface BackoffOptions {
  /** The longest pause after the first failure, in milliseconds. */
  readonly baseMs: number;
  /** The longest pause of all, in milliseconds. */
  readonly maxMs: number;
}

/** Exponential backoff with full jitter: the pause after failure n is uniform in [0, min(maxMs, baseMs * 2^n]). */
export class Backoff {
  #failures = 0;
  readonly #options: BackoffOptions;

  constructor(options: BackoffOptions) {
    this.#options = options;
  }

  /** The pause before the next attempt, in milliseconds; `random` is uniform in [0, 1). */
  pause(random: number): number {
    const pause = random * this.#ceiling();
    this.#failures++;
    return pause;
  }

  /**
   * A connection was joined for `ms`. Only one that outlived the pause that may have led to it starts the count anew, or a
   * server that takes every client and drops it at once would be asked again without pause.
   */
  lived(ms: number): void {
    if (ms >= this.#ceiling()) this.#failures = 0;
  }

  #ceiling(): number {
    return Math.min(this.#options.maxMs, this.#options.baseMs * 2 ** this.#failures);
  }
}
