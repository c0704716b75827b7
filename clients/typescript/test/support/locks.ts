/** Web Locks for Node 20, which has none: exclusive locks that are taken if they are free, and end with their page. */

type Granted = (lock: Lock | null) => Promise<unknown> | unknown;

/** The locks of one origin. */
export class Locks {
  private readonly held = new Map<string, { page: object; end: () => void }>();

  /** Told when one is free again. */
  onFree = () => {};

  /** How many are held. */
  get count(): number {
    return this.held.size;
  }

  /** What `page` sees of them as `navigator.locks`. */
  for(page: object): Pick<LockManager, "request" | "query"> {
    const request = (name: string, options: LockOptions | Granted, granted?: Granted) => {
      if (typeof options === "function" || !options.ifAvailable || !granted) {
        throw new Error("only locks that are taken if available");
      }
      return this.request(page, name, granted);
    };
    const query = async () => ({
      held: [...this.held.keys()].map((name) => ({ name, mode: "exclusive" as const })),
    });
    return { request, query } as Pick<LockManager, "request" | "query">;
  }

  /** `page` is gone. */
  end(page: object): void {
    for (const lock of this.held.values()) if (lock.page === page) lock.end();
  }

  private async request(page: object, name: string, granted: Granted): Promise<unknown> {
    // Asynchronous as the browser's: two that ask at once both wait for their turn.
    await new Promise((resolve) => setImmediate(resolve));
    if (this.held.has(name)) return granted(null);
    const gone = new Promise<void>((resolve) => {
      this.held.set(name, { page, end: resolve });
    });
    try {
      return await Promise.race([granted({ name, mode: "exclusive" }), gone]);
    } finally {
      this.held.delete(name);
      this.onFree();
    }
  }
}
