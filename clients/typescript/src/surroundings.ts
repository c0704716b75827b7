/** What the browser tells of its network and its page; nothing where there is no browser. */

/** What to do when something is told. */
export interface Surroundings {
  online(): void;
  offline(): void;
  /** The page is looked at again. */
  visible(): void;
}

/** Follows what the browser tells, until the function that this gives is called. */
export function watchSurroundings(on: Surroundings): () => void {
  const stop = new AbortController();
  const until = { signal: stop.signal };
  globalThis.addEventListener?.("online", () => on.online(), until);
  globalThis.addEventListener?.("offline", () => on.offline(), until);
  const look = () => document.visibilityState === "visible" && on.visible();
  globalThis.document?.addEventListener("visibilitychange", look, until);
  return () => stop.abort();
}

/** Whether the browser says that there is no network. */
export const isOffline = (): boolean => globalThis.navigator?.onLine === false;
