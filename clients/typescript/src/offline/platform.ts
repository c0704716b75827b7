/** What the offline part needs of a page. */

/** A page's storage and locks. */
export interface Platform {
  readonly indexedDB: IDBFactory;
  /** Shared by the pages of an origin; a page's locks end with it, however it ends. */
  readonly locks: Pick<LockManager, "request" | "query">;
  /** One tab's own memory, which a reload leaves as it is. */
  readonly session: Pick<Storage, "getItem" | "setItem"> | undefined;
}

/** This page. Throws an `Error` in words when it lacks what is needed. */
export function thisPage(): Platform {
  if (typeof indexedDB === "undefined") throw new Error("there is no IndexedDB here");
  if (typeof navigator === "undefined" || !navigator.locks) {
    throw new Error("there are no Web Locks here; they need a secure context (https or localhost)");
  }
  return { indexedDB, locks: navigator.locks, session: session() };
}

function session(): Storage | undefined {
  try {
    return globalThis.sessionStorage;
  } catch {
    // Forbidden by the reader's settings.
    return undefined;
  }
}
