/** Who sits where: every tab has a seat of its own, and takes one that is free before it makes another. */

import { newClientKey } from "../store.js";
import { Damaged } from "./check.js";
import type { Database } from "./database.js";
import { heldLocks, hold } from "./lock.js";
import type { Platform } from "./platform.js";
import {
  allSeats,
  DAMAGED,
  FORGOTTEN,
  FORMAT,
  forget,
  type Loaded,
  load,
  remove,
  type SeatRow,
  seatRow,
  seatsOf,
} from "./rows.js";
import { BrowserSeat } from "./seat.js";

/** Free seats with nothing pending that are kept: their state saves the next tab a snapshot. */
const SPARE = 2;

/** The seats of one room. */
export class Seats {
  constructor(
    private readonly platform: Platform,
    private readonly database: Database,
    readonly scope: string,
    private readonly warn: (message: string) => void,
  ) {}

  /**
   * A seat for this tab: the one it had before it was reloaded; else one whose tab is gone, with pending updates
   * before others; else a new one. With `clientKey` the one of this client, or an `Error` when another tab has it.
   */
  async sit(clientKey: string | undefined): Promise<BrowserSeat> {
    const rows = await this.database.run("readonly", (tx) => seatsOf(tx, this.scope));
    for (const row of this.inOrder(rows, clientKey)) {
      const seat = await this.claim(row.id);
      if (seat) return this.mine(row.id, seat);
      const taken = clientKey !== undefined && (await heldLocks(this.platform)).has(lockOf(row.id));
      if (taken) throw new Error("another tab has the seat of this client key");
    }
    const row = this.newRow(clientKey);
    await this.database.run("readwrite", (tx) => void tx.objectStore("seats").put(row), true);
    const seat = await this.claim(row.id);
    if (!seat) throw new Error("the browser's storage does not keep what is stored");
    return this.mine(row.id, seat);
  }

  /** The seat `id` if it is free; undefined when somebody has it, or it is gone or put aside. */
  async claim(id: string): Promise<BrowserSeat | undefined> {
    const release = await hold(this.platform, lockOf(id));
    if (!release) return undefined;
    let seat: BrowserSeat | undefined;
    try {
      const found = await this.database.run(
        "readonly",
        async (tx): Promise<[SeatRow, Loaded] | undefined> => {
          const row = await seatRow(tx, id);
          return row?.format === FORMAT ? [row, await load(tx, row)] : undefined;
        },
      );
      seat = found && new BrowserSeat(this.database, ...found, release);
    } catch (error) {
      if (!(error instanceof Damaged)) throw error;
      await this.putAside(id, error);
    } finally {
      if (!seat) await release();
    }
    return seat;
  }

  /** The seats whose tab is gone and left updates behind. */
  async orphans(held: ReadonlySet<string | undefined>): Promise<string[]> {
    const rows = await this.database.run("readonly", (tx) => seatsOf(tx, this.scope));
    return rows.filter((row) => row.waiting > 0 && !held.has(lockOf(row.id))).map((row) => row.id);
  }

  /** Removes free seats that nobody needs. */
  async tidy(): Promise<void> {
    const rows = await this.database.run("readonly", (tx) => seatsOf(tx, this.scope, FORGOTTEN));
    let spare = 0;
    for (const { id, waiting, format } of rows) {
      if (waiting > 0) continue;
      const release = await hold(this.platform, lockOf(id));
      if (!release) continue;
      if (format === FORMAT) spare += 1;
      if (spare > SPARE || format === FORGOTTEN) {
        await this.database.run("readwrite", (tx) => removeEmpty(tx, id));
      }
      await release();
    }
  }

  /** Removes the seats `rows`. A tab that has one goes on in memory. */
  static async forget(
    platform: Platform,
    database: Database,
    chosen: (row: SeatRow) => boolean,
  ): Promise<void> {
    const held = await heldLocks(platform);
    await database.run("readwrite", async (tx) => {
      for (const row of (await allSeats(tx)).filter(chosen)) {
        if (held.has(lockOf(row.id))) forget(tx, row);
        else remove(tx, row.id);
      }
    });
  }

  private inOrder(rows: SeatRow[], clientKey: string | undefined): SeatRow[] {
    if (clientKey !== undefined) return rows.filter((row) => row.clientKey === clientKey);
    const last = this.platform.session?.getItem(this.sessionKey());
    const rank = ({ id, waiting }: SeatRow) => (id === last ? 0 : waiting > 0 ? 1 : 2);
    return rows.filter((row) => !row.given).sort((a, b) => rank(a) - rank(b));
  }

  private mine(id: string, seat: BrowserSeat): BrowserSeat {
    try {
      this.platform.session?.setItem(this.sessionKey(), id);
    } catch {
      // Without it, a reload takes any free seat.
    }
    return seat;
  }

  private sessionKey(): string {
    return `revring\n${this.scope}`;
  }

  private newRow(clientKey: string | undefined): SeatRow {
    return {
      id: newClientKey(),
      scope: this.scope,
      format: FORMAT,
      clientKey: clientKey ?? newClientKey(),
      given: clientKey !== undefined,
      usedAt: Date.now(),
      waiting: 0,
      head: undefined,
    };
  }

  /** What cannot be read is kept for who can, and not looked at again. */
  private async putAside(id: string, { message }: Damaged): Promise<void> {
    this.warn(`what a tab stored of this room cannot be read and is put aside: ${message}`);
    await this.database.run("readwrite", async (tx) => {
      const row = await seatRow(tx, id);
      if (row) tx.objectStore("seats").put({ ...row, format: DAMAGED });
    });
  }
}

async function removeEmpty(tx: IDBTransaction, id: string): Promise<void> {
  const row = await seatRow(tx, id);
  if (row?.waiting === 0) remove(tx, id);
}

function lockOf(id: string): string {
  return `revring/${id}`;
}
