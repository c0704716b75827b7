/** What a browser keeps of rooms. */

import type { Page } from "playwright-core";

/** A row of the store `seats`, as far as tests look at it. */
export interface SeatRow {
  readonly id: string;
  readonly clientKey: string;
  readonly waiting: number;
}

/** The rows of a store of the database `revring`. */
function rows(page: Page, store: string): Promise<unknown[]> {
  return page.evaluate(
    (store) =>
      new Promise<unknown[]>((resolve, reject) => {
        const opening = indexedDB.open("revring");
        opening.onerror = () => reject(opening.error);
        opening.onsuccess = () => {
          const all = opening.result.transaction(store).objectStore(store).getAll();
          all.onerror = () => reject(all.error);
          all.onsuccess = () => {
            opening.result.close();
            resolve(all.result);
          };
        };
      }),
    store,
  );
}

/** How many updates this browser keeps for later. */
export async function pendingRows(page: Page): Promise<number> {
  return (await rows(page, "pending")).length;
}

/** How many records this browser keeps. */
export async function recordRows(page: Page): Promise<number> {
  return (await rows(page, "records")).length;
}

/** The seats of this browser's tabs. */
export async function seatRows(page: Page): Promise<SeatRow[]> {
  return (await rows(page, "seats")).filter(isSeat);
}

function isSeat(row: unknown): row is SeatRow {
  return typeof row === "object" && row !== null && "clientKey" in row && "waiting" in row;
}
