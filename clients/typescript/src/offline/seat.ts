/** A seat in the database, held by this tab. */

import type { SavedReplica } from "../replica/save.js";
import type { Seat, SeatWrite } from "../store.js";
import { type Database, REMOVED } from "./database.js";
import type { Release } from "./lock.js";
import {
  FORMAT,
  type Loaded,
  type Place,
  remove,
  type SeatRow,
  seatRow,
  writeQueue,
  writeRecords,
  writeSeat,
} from "./rows.js";

/** See the file. Its lock is held until it is closed. */
export class BrowserSeat implements Seat {
  readonly clientKey: string;
  /** What happens when the room is live, and before the seat is given free. */
  onLive: (() => void) | undefined;
  onClose: (() => Promise<void>) | undefined;
  private saved: SavedReplica | undefined;
  private places: Place[];
  private times: number;
  private closing: Promise<void> | undefined;

  constructor(
    private readonly database: Database,
    private readonly row: SeatRow,
    { saved, places }: Loaded,
    private readonly release: Release,
  ) {
    this.clientKey = row.clientKey;
    this.saved = saved;
    this.places = places;
    this.times = database.times;
  }

  take(): SavedReplica | undefined {
    const { saved } = this;
    this.saved = undefined;
    return saved;
  }

  async write(write: SeatWrite): Promise<void> {
    const { id } = this.row;
    if (this.times !== this.database.times) await this.check();
    const { queue, ...head } = write.pending;
    const row: SeatRow = { ...this.row, head, waiting: queue.length, usedAt: Date.now() };
    const store = (tx: IDBTransaction) => {
      if (this.times !== this.database.times) throw new Error("the browser has closed its storage");
      writeSeat(tx, row);
      const places = writeQueue(tx, id, queue, this.places);
      return writeRecords(tx, id, write)?.then(() => places) ?? places;
    };
    // What is pending is to survive a power failure; the rest the server has.
    this.places = await this.database.run("readwrite", store, queue.length > 0);
  }

  live(): void {
    this.onLive?.();
  }

  close(): Promise<void> {
    this.closing ??= (this.onClose?.() ?? Promise.resolve()).finally(this.release);
    return this.closing;
  }

  /** Removes the seat, whose queue is sent. */
  async remove(): Promise<void> {
    await this.database.run("readwrite", (tx) => remove(tx, this.row.id));
  }

  /** The database was closed from outside: nothing is stored beside the rows that are there no more. */
  private async check(): Promise<void> {
    const row = await this.database.run("readonly", (tx) => seatRow(tx, this.row.id));
    if (row?.format !== FORMAT) throw new Error(REMOVED);
    this.times = this.database.times;
  }
}
