/** A room on a server, as a state machine without log and network (SPEC.md, sections O, D, S, U and F). */

import { Concurrent } from "../../src/concurrent.js";
import { Document, type Key, keyOf, Overlay } from "../../src/document.js";
import { replacesValue } from "../../src/edit.js";
import { find } from "../../src/path.js";
import { isNoop } from "../../src/splice.js";
import type {
  Change,
  Code,
  Conflict,
  Effect,
  GapMessage,
  GapReason,
  Limits,
  Operation,
  RejectMessage,
  Rev,
  ServerMessage,
  SnapshotMessage,
  Splice,
  UpdateMessage,
  Value,
} from "../../src/types.js";
import { UpdateError } from "../../src/update-error.js";

/** Accepted ids that are remembered of each client (rule U-3). */
const REMEMBERED = 256;

/** What a client needs to be at the head (rule C-6). */
export type CatchUp = "nothing" | "delta" | "snapshot" | GapReason;

interface Window {
  ids: { readonly clientReqId: string; readonly rev: Rev }[];
  /** The highest revision of this client that is forgotten. */
  forgotten: Rev;
}

class Refusal extends Error {
  constructor(
    readonly code: Code,
    message: string,
    readonly conflict?: Conflict,
  ) {
    super(message);
  }
}

export class MiniRoom {
  rev: Rev = 0;
  at = 1000;
  document = new Document();
  readonly ring: Operation[] = [];
  private readonly tombstones = new Map<Key, number>();
  private readonly windows = new Map<string, Window>();

  constructor(
    readonly limits: Limits,
    readonly epoch = "e",
  ) {}

  /** The same state under another epoch, without a ring (rule O-8). */
  reborn(epoch: string): MiniRoom {
    const room = new MiniRoom(this.limits, epoch);
    room.rev = this.rev;
    room.at = this.at;
    room.document = this.document.clone();
    for (const [key, version] of this.tombstones) room.tombstones.set(key, version);
    for (const [client, { ids, forgotten }] of this.windows)
      room.windows.set(client, { ids: [...ids], forgotten });
    return room;
  }

  /** The oldest revision in the ring. */
  get firstRev(): Rev {
    return this.ring[0]?.rev ?? this.rev + 1;
  }

  /** The operations after `rev` that the ring holds. */
  after(rev: Rev): Operation[] {
    return this.ring.filter((operation) => operation.rev > rev);
  }

  /** Judges an update and makes it an operation. Gives the answer to its author, who learns of the operation by a delta. */
  offer(clientId: string, update: UpdateMessage): ServerMessage | undefined {
    const { clientReqId, firstRev } = update;
    const window = this.windows.get(clientId) ?? { ids: [], forgotten: 0 };
    const known = window.ids.find((id) => id.clientReqId === clientReqId);
    if (known) return { type: "ACK", ...known, duplicate: true };
    try {
      if (firstRev !== undefined && firstRev < window.forgotten) {
        throw new Refusal("OUTCOME_UNKNOWN", `forgotten up to ${window.forgotten}`);
      }
      const { effects, workspace } = new Case(this, update).judge();
      this.commit({ rev: this.rev + 1, clientId, clientReqId, at: this.at, changes: effects }, workspace);
    } catch (error) {
      return refused(clientReqId, error);
    }
    window.ids.push({ clientReqId, rev: this.rev });
    if (window.ids.length > REMEMBERED) window.forgotten = window.ids.shift()?.rev ?? 0;
    this.windows.set(clientId, window);
    return undefined;
  }

  /** The version that the next operation gives the record. */
  nextVersion(key: Key): number {
    return (this.document.get(key)?.version ?? this.tombstones.get(key) ?? 0) + 1;
  }

  catchUp(position: { readonly epoch: string; readonly lastRev: Rev } | undefined): CatchUp {
    if (!position) return "snapshot";
    if (position.epoch !== this.epoch) return "epoch";
    return this.behind(position.lastRev);
  }

  /** What a client of this epoch that is at `rev` needs. */
  behind(rev: Rev): CatchUp {
    if (rev >= this.rev) return rev === this.rev ? "nothing" : "ahead";
    return rev + 1 >= this.firstRev ? "delta" : "behind";
  }

  gap(clientId: string, expectedRev: Rev, reason: GapReason, resumeFrom: Rev): GapMessage {
    const ids = this.windows.get(clientId)?.ids ?? [];
    return {
      type: "REVISION_GAP",
      expectedRev,
      serverRev: this.rev,
      bufferFirstRev: this.firstRev,
      resumeFrom,
      reason,
      acked: ids.filter(({ rev }) => reason !== "behind" || rev > expectedRev),
    };
  }

  private commit(operation: Operation, workspace: Overlay): void {
    for (const [key, record] of workspace.changed) {
      if (!record) this.tombstones.set(key, this.nextVersion(key));
      this.document.put(key, record);
    }
    this.rev = operation.rev;
    this.ring.push(operation);
    if (this.ring.length > this.limits.ringOps) this.ring.shift();
  }
}

/** What a change that does not fit its record gets (rule D-2). */
function refusalOf({ code, message }: UpdateError): Refusal | undefined {
  return code === "NOT_FOUND" || code === "INVALID_CHANGE" ? new Refusal(code, message) : undefined;
}

function refused(clientReqId: string, error: unknown): RejectMessage {
  const refusal = error instanceof UpdateError ? refusalOf(error) : error;
  if (!(refusal instanceof Refusal)) throw error;
  const { code, message, conflict } = refusal;
  return { type: "REJECT", clientReqId, code, message, retryable: false, ...(conflict && { conflict }) };
}

type SpliceChange = Extract<Change, { op: "splice" }>;
type Without<T, K extends string> = T extends unknown ? Omit<T, K> : never;
/** An effect that has no version yet. */
type Draft = Without<Effect, "version">;

/** One update in court. */
class Case {
  private readonly effects: Effect[] = [];
  private readonly workspace: Overlay;
  /** What became of each spliced value since `baseRev`; null: the update itself set it. */
  private readonly lines = new Map<string, { readonly on: SpliceChange; theirs: Concurrent | null }>();

  constructor(
    private readonly room: MiniRoom,
    private readonly update: UpdateMessage,
  ) {
    this.workspace = new Overlay(room.document);
  }

  judge(): { effects: Effect[]; workspace: Overlay } {
    const { room, update, effects, workspace } = this;
    const { changes, baseRev } = update;
    if (!changes.length) throw new Refusal("INVALID", "no change");
    if (changes.length > room.limits.changesPerUpdate) throw new Refusal("TOO_LARGE", "too many changes");
    if (changes.some((change) => change.op === "splice")) {
      if (baseRev === undefined || baseRev > room.rev) throw new Refusal("INVALID", `baseRev ${baseRev}`);
      if (baseRev + 1 < room.firstRev)
        throw new Refusal("BASE_TOO_OLD", `the ring begins at ${room.firstRev}`);
    }
    for (const change of changes) this.checkVersion(change);
    for (const change of changes) this.change(change);
    return { effects, workspace };
  }

  private checkVersion({ collection, id, ifVersion }: Change): void {
    const version = this.room.document.get(keyOf({ collection, id }))?.version ?? 0;
    if ((ifVersion ?? version) === version) return;
    throw new Refusal("CONFLICT", `version ${version}`, { collection, id, version });
  }

  private change({ ifVersion, ...change }: Change): void {
    const key = keyOf(change);
    if (change.op === "splice") {
      this.splice(change);
    } else if (change.op === "add") {
      const { collection, id, path } = change;
      const version = this.room.nextVersion(key);
      this.workspace.apply({ ...change, version }, this.room.at);
      const value = find(this.workspace.get(key)?.data ?? {}, path) ?? null;
      this.effect({ op: "set", collection, id, path, value });
    } else if (change.op !== "delete" || this.workspace.get(key)) {
      this.effect(change);
    }
  }

  private splice(change: SpliceChange): void {
    const { collection, id, path } = change;
    const place = `${keyOf(change)}\n${path}`;
    const line = this.lines.get(place) ?? { on: change, theirs: this.theirs(change) };
    this.lines.set(place, line);
    const moved = line.theirs ? line.theirs.rebase(change) : isNoop(change) ? [] : [change];
    for (const { at, remove, insert } of moved)
      this.effect({ op: "splice", collection, id, path, at, remove, insert });
    if (moved.length) return;
    const data = this.workspace.get(keyOf(change))?.data;
    if (!data) throw new Refusal("NOT_FOUND", "no record");
    if (!sameKind(find(data, path), change)) throw new Refusal("INVALID_CHANGE", "another type");
  }

  /** What others did to the value since `baseRev` (rules S-3 and S-6); null: the update itself set it. */
  private theirs(change: SpliceChange): Concurrent | null {
    const { collection, id, path } = change;
    const key = keyOf(change);
    const touches = (effect: Effect) => keyOf(effect) === key;
    if (this.effects.some((effect) => touches(effect) && replacesValue(effect, path))) return null;
    const theirs: Splice[] = [];
    for (const operation of this.room.after(this.update.baseRev ?? 0)) {
      for (const effect of operation.changes.filter(touches)) {
        if (replacesValue(effect, path)) {
          const version = this.room.document.get(key)?.version ?? 0;
          throw new Refusal("CONFLICT", `${path} was replaced`, { collection, id, version, path });
        }
        if (effect.op === "splice" && effect.path === path) theirs.push(effect);
      }
    }
    return new Concurrent(theirs);
  }

  private effect(edit: Draft): void {
    const key = keyOf(edit);
    const version = this.room.nextVersion(key);
    const effect: Effect = { ...edit, version };
    for (const line of this.lines.values()) {
      if (keyOf(line.on) === key && replacesValue(effect, line.on.path)) line.theirs = null;
    }
    this.workspace.apply(effect, this.room.at);
    this.effects.push(effect);
  }
}

function sameKind(value: Value | undefined, { insert }: Splice): boolean {
  return typeof insert === "string" ? typeof value === "string" : Array.isArray(value);
}

/** The parts of a snapshot of `document`, of `size` records each. */
export function partsOf(epoch: string, rev: Rev, document: Document, size = 1): SnapshotMessage[] {
  const records = [...document.records()];
  const count = Math.max(1, Math.ceil(records.length / size));
  return Array.from({ length: count }, (_, part) => {
    const state: { [collection: string]: { [id: string]: SnapshotMessage["state"][string][string] } } = {};
    for (const { collection, id, ...stored } of records.slice(part * size, (part + 1) * size)) {
      state[collection] = { ...state[collection], [id]: stored };
    }
    const last = part === count - 1;
    const checksum = last && { checksum: document.checksum() };
    return { type: "SYNC.SNAPSHOT", rev, epoch, part, last, state, ...checksum };
  });
}
