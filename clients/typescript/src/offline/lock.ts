/** One tab at a time: Web Locks, which end with their page. */

import type { Platform } from "./platform.js";

/** Gives a lock free. Resolves when it is. */
export type Release = () => Promise<void>;

/** Takes the lock `name` if it is free, and keeps it until it is released. */
export function hold({ locks }: Platform, name: string): Promise<Release | undefined> {
  return new Promise((resolve, reject) => {
    const held = locks.request(name, { ifAvailable: true }, (lock) => {
      if (!lock) return resolve(undefined);
      return new Promise<void>((free) => {
        resolve(async () => {
          free();
          await held;
        });
      });
    });
    held.catch(reject);
  });
}

/** The names of the locks that somebody holds. */
export async function heldLocks({ locks }: Platform): Promise<Set<string | undefined>> {
  const { held = [] } = await locks.query();
  return new Set(held.map((lock) => lock.name));
}
