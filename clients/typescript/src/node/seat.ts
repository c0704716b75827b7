/** A seat in a directory: `seat.json` with the queue and what changed since the last `records.<n>.json`. */

import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Key, keyOf } from "../key.js";
import { checkPending, checkRecord, Damaged } from "../offline/check.js";
import type { SavedPending, SavedReplica } from "../replica/save.js";
import { newClientKey, type Seat, type SeatWrite } from "../store.js";
import type { Rec } from "../types.js";
import type { FileLock } from "./lock.js";
import { readSealed, writeSealed } from "./sealed.js";

/** What `seat.json` holds. */
interface SeatFile {
  readonly server: string;
  readonly room: string;
  readonly clientKey: string;
  /** Which `records.<n>.json` it goes with; 0: none. */
  readonly base: number;
  /** The records that are others than there, and those that are gone. */
  readonly changed: readonly Rec[];
  readonly removed: readonly Key[];
  readonly pending: SavedPending | null;
}

/** Whose seat it is. */
export interface Owner {
  readonly server: string;
  readonly room: string;
  readonly clientKey: string | undefined;
}

/** See the file. */
export class FileSeat implements Seat {
  private saved: SavedReplica | undefined;
  /** The confirmed records. */
  private readonly records = new Map<Key, Rec>();
  /** Keys of records that are others than in the base. */
  private changed = new Set<Key>();
  /** The base has nothing in common with the records. */
  private anew = false;

  private constructor(
    private readonly directory: string,
    private readonly owner: Owner & { clientKey: string },
    private base: number,
    private readonly lock: FileLock,
  ) {}

  get clientKey(): string {
    return this.owner.clientKey;
  }

  /** The seat in `directory`, made if there is none. Throws an `Error` in words when it is another's, or damaged. */
  static async open(directory: string, owner: Owner, lock: FileLock): Promise<FileSeat> {
    const path = join(directory, "seat.json");
    const body = await readSealed(path);
    if (body === undefined) {
      const seat = new FileSeat(
        directory,
        { ...owner, clientKey: owner.clientKey ?? newClientKey() },
        0,
        lock,
      );
      await seat.put(null);
      return seat;
    }
    if (!isSeatFile(body)) throw new Error(`${path} is not a seat`);
    if (body.room !== owner.room || body.server !== owner.server) {
      throw new Error(`${path} belongs to the room ${body.room} of ${body.server}`);
    }
    const seat = new FileSeat(directory, { ...owner, clientKey: body.clientKey }, body.base, lock);
    try {
      await seat.restore(body);
    } catch (error) {
      throw error instanceof Damaged ? new Error(`${directory}: ${error.message}`) : error;
    }
    await seat.tidy();
    return seat;
  }

  take(): SavedReplica | undefined {
    const { saved } = this;
    this.saved = undefined;
    return saved;
  }

  async write({ pending, records, all }: SeatWrite): Promise<void> {
    await this.lock.check();
    // A write that fails is part of the next one, so what is noted here need not be taken back.
    if (all) this.records.clear();
    this.anew ||= all;
    for (const [key, record] of records) {
      if (record) this.records.set(key, record);
      else this.records.delete(key);
      this.changed.add(key);
    }
    // Half of the changed ones are written with each update, all records with each base: least where those are even.
    if (this.anew || this.changed.size ** 2 > Math.max(4096, 2 * this.records.size))
      await this.rebase(pending);
    else await this.put(pending);
  }

  close(): Promise<void> {
    return this.lock.release();
  }

  /** Writes all records anew; until `seat.json` names them, the old ones count. */
  private async rebase(pending: SavedPending): Promise<void> {
    const { base, changed } = this;
    await writeSealed(this.recordsPath(base + 1), [...this.records.values()]);
    this.base = base + 1;
    this.changed = new Set();
    try {
      await this.put(pending);
    } catch (error) {
      this.base = base;
      this.changed = changed;
      throw error;
    }
    this.anew = false;
    if (base > 0) await rm(this.recordsPath(base), { force: true });
  }

  private async put(pending: SavedPending | null): Promise<void> {
    const { server, room, clientKey } = this.owner;
    const changed = [];
    const removed = [];
    for (const key of this.changed) {
      const record = this.records.get(key);
      if (record) changed.push(record);
      else removed.push(key);
    }
    const body: SeatFile = { server, room, clientKey, base: this.base, changed, removed, pending };
    await writeSealed(join(this.directory, "seat.json"), body);
  }

  private async restore({ base, changed, removed, pending }: SeatFile): Promise<void> {
    if (!pending) return;
    const records = base > 0 ? await readSealed(this.recordsPath(base)) : [];
    if (!Array.isArray(records)) throw new Error(`${this.recordsPath(base)} is missing`);
    for (const record of [...records, ...changed].map(checkRecord)) this.records.set(keyOf(record), record);
    for (const key of removed) this.records.delete(key);
    this.changed = new Set([...changed.map(keyOf), ...removed]);
    this.saved = { pending: checkPending(pending), records: [...this.records.values()] };
  }

  /** Removes what a crash left half done. */
  private async tidy(): Promise<void> {
    const current = this.recordsPath(this.base);
    for (const name of await readdir(this.directory)) {
      const path = join(this.directory, name);
      if (name.startsWith("records.") && path !== current) await rm(path, { force: true });
    }
  }

  private recordsPath(base: number): string {
    return join(this.directory, `records.${base}.json`);
  }
}

function isSeatFile(body: unknown): body is SeatFile {
  return (
    typeof body === "object" &&
    body !== null &&
    "clientKey" in body &&
    typeof body.clientKey === "string" &&
    "base" in body &&
    Number.isSafeInteger(body.base) &&
    "changed" in body &&
    Array.isArray(body.changed) &&
    "removed" in body &&
    Array.isArray(body.removed) &&
    "pending" in body
  );
}
