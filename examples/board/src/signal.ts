import { useCallback, useSyncExternalStore } from "react";

/** Something that changes outside of React and says so. */
export class Signal {
  private readonly listeners = new Set<() => void>();

  /** Calls `listener` after each change; the result ends it. */
  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  /** Whether nobody listens. */
  isEmpty(): boolean {
    return this.listeners.size === 0;
  }

  /** Tells everyone. */
  emit(): void {
    for (const listener of this.listeners) listener();
  }
}

/** What `read` gives of `signal`, always the latest; the component renders when it is another value. */
export function useSignal<T>(signal: Signal, read: () => T): T {
  return useSyncExternalStore(signal.subscribe, read);
}

/** The same for many things: who asks for one of them is not told of the others. */
export class Signals {
  private readonly signals = new Map<string, Signal>();

  /** Calls `listener` after each change of what `key` names; the result ends it. */
  subscribe(key: string, listener: () => void): () => void {
    const signal = this.signals.get(key) ?? new Signal();
    this.signals.set(key, signal);
    const stop = signal.subscribe(listener);
    return () => {
      stop();
      if (signal.isEmpty() && this.signals.get(key) === signal) this.signals.delete(key);
    };
  }

  /** Tells those who asked for `key`. */
  emit(key: string | undefined): void {
    if (key !== undefined) this.signals.get(key)?.emit();
  }
}

/** As {@link useSignal}, for what `key` names. */
export function useSignalOf<T>(signals: Signals, key: string, read: () => T): T {
  const subscribe = useCallback((listener: () => void) => signals.subscribe(key, listener), [signals, key]);
  return useSyncExternalStore(subscribe, read);
}
