/** One connection: what is on its way in both directions, and where its client's cursor is. */

import type { Document } from "../../src/document.js";
import type { ClientMessage, GapMessage, Rev, ServerMessage } from "../../src/types.js";
import { type CatchUp, type MiniRoom, partsOf } from "../support/miniroom.js";

/** Records of one part of a snapshot, so few that there are several parts. */
const PART_RECORDS = 2;

export class Link {
  /** What the client sent and the server has not read. */
  readonly up: string[] = [];
  /** What the server wrote and the client has not read. */
  readonly down: string[] = [];
  /** Messages for this client alone that are still to be written. */
  private own: ServerMessage[] = [];
  /** The last revision sent, once the client has joined. */
  private cursor: Rev | undefined;
  /** What the last snapshot is for. */
  private gap: GapMessage | undefined;

  isIdle(): boolean {
    return !this.up.length && !this.down.length && !this.own.length;
  }

  send(message: ClientMessage): void {
    this.up.push(JSON.stringify(message));
  }

  answer(message: ServerMessage): void {
    this.own.push(message);
  }

  /** Drops what a `RESYNC` makes void (rule C-7). */
  dropSync(): void {
    this.own = this.own.filter(({ type }) => type !== "SYNC.SNAPSHOT" && type !== "REVISION_GAP");
  }

  /** The client has everything up to `rev`, or what is queued brings it there. */
  follow(rev: Rev): void {
    this.cursor = rev;
  }

  snapshot(epoch: string, rev: Rev, document: Document, gap: GapMessage | undefined): void {
    this.gap = gap;
    if (gap) this.answer(gap);
    for (const part of partsOf(epoch, rev, document, PART_RECORDS)) this.answer(part);
    this.follow(rev);
  }

  /** Begins the snapshot that is being written anew, with the state of now; a gap precedes it (rule F-7). */
  restartSnapshot(room: MiniRoom, clientId: string): void {
    if (!this.own.some((message) => message.type === "SYNC.SNAPSHOT")) return;
    const { expectedRev = 0, reason = "behind" } = this.gap ?? {};
    this.dropSync();
    this.snapshot(room.epoch, room.rev, room.document, room.gap(clientId, expectedRev, reason, room.rev));
  }

  /** Writes one frame: own messages first, then what the cursor lacks. Gives what stands in the way, if a gap does. */
  write(room: MiniRoom, most: number): boolean | [cursor: Rev, gap: CatchUp] {
    const next = this.own.shift();
    if (next) return this.push(next);
    const { cursor } = this;
    if (cursor === undefined) return false;
    const behind = room.behind(cursor);
    if (behind === "nothing") return false;
    if (behind !== "delta") return [cursor, behind];
    const ops = room.after(cursor).slice(0, Math.max(1, most));
    const toRev = cursor + ops.length;
    this.follow(toRev);
    return this.push({ type: "SYNC.DELTAS", fromRev: cursor, toRev, ops });
  }

  private push(message: ServerMessage): true {
    this.down.push(JSON.stringify(message));
    return true;
  }
}
