/** Listeners of one thing. */

/** Says a listener's mistake without stopping the others, as the browser does for event listeners. */
export function report(error: unknown): void {
  (globalThis.reportError ?? console.error)(error);
}

/** Listeners that are told values. */
export class Signal<T> {
  #listeners = new Set<(value: T) => void>();

  /** Adds a listener; gives what removes it. The same function may be added more than once. */
  add(listener: (value: T) => void): () => void {
    const own = (value: T) => listener(value);
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  }

  /** Tells everyone. Who is removed meanwhile is told no more, who is added not yet. */
  tell(value: T): void {
    for (const listener of [...this.#listeners]) {
      if (!this.#listeners.has(listener)) continue;
      try {
        listener(value);
      } catch (error) {
        report(error);
      }
    }
  }

  /** Whether nobody listens. */
  isEmpty(): boolean {
    return !this.#listeners.size;
  }
}
