/** A replica and the messages of its server, which the test makes. */

import { expect } from "vitest";
import { put } from "../../src/changes.js";
import { type Document, keyOf } from "../../src/document.js";
import { DEFAULT_LIMITS } from "../../src/limits.js";
import { type OnGap, type Outcome, Replica, type ReplicaEvent } from "../../src/replica/index.js";
import { restore, type SavedReplica, save } from "../../src/replica/save.js";
import type {
  Change,
  ClientMessage,
  Code,
  GapReason,
  Limits,
  ObjectValue,
  Rec,
  RejectMessage,
  Rev,
  ServerMessage,
  SnapshotMessage,
  UpdateMessage,
} from "../../src/types.js";
import { check } from "../support/check.js";
import { MiniRoom, partsOf } from "../support/miniroom.js";

export const ME = "the-key-of-client-me";

/** How an update ended, in short: the revision, the code, or "discarded". */
export type Ended = Rev | Code | "discarded";

/** The replica of the client "me", and a room that others and it write to. */
export class Peer {
  room = new MiniRoom(DEFAULT_LIMITS);
  limits: Limits = DEFAULT_LIMITS;
  now = 0;
  replica: Replica;
  private serial = 0;

  /** A replica that was never connected. */
  constructor(readonly onGap: OnGap = "resubmit") {
    this.replica = new Replica({ room: "r", clientKey: ME, onGap });
  }

  /** A replica that is live in a room with `records`. */
  static live(records: Change[], onGap?: OnGap): Peer {
    const peer = new Peer(onGap);
    if (records.length) peer.other(...records);
    peer.replica.connected();
    expect(peer.sentOne().type).toBe("JOIN");
    peer.joined(false);
    peer.snapshot();
    peer.events();
    return peer;
  }

  /** A live replica with the record n/a, which is `{ n: 0, t: text }`. */
  static withText(text: string): Peer {
    return Peer.live([put("n", "a", { n: 0, t: text })]);
  }

  give(message: ServerMessage): void {
    this.replica.handle(copy(message), this.now);
    check(this.replica);
  }

  joined(resumed: boolean, more: { clientKey?: string } = {}): void {
    const { room, limits } = this;
    const { epoch, rev } = room;
    this.give({
      type: "JOINED",
      clientId: "me",
      room: "r",
      epoch,
      rev,
      resumed,
      limits,
      heartbeatMs: 1000,
      ...more,
    });
  }

  /** The parts of a snapshot of the room at head, one record each. */
  parts(): SnapshotMessage[] {
    return partsOf(this.room.epoch, this.room.rev, this.room.document);
  }

  snapshot(parts = this.parts()): void {
    for (const part of parts) this.give(part);
  }

  gap(reason: GapReason, acked: { [id: string]: Rev } = {}): void {
    const { rev } = this.room;
    const gap = this.room.gap("nobody", this.replica.confirmedRev, reason, rev);
    this.give({ ...gap, acked: Object.entries(acked).map(([clientReqId, rev]) => ({ clientReqId, rev })) });
  }

  /** A delta from `fromRev`, which is what is confirmed unless said otherwise, to the head or `toRev`. */
  deliver(fromRev = this.replica.confirmedRev, toRev = this.room.rev): void {
    const ops = this.room.after(fromRev).filter((operation) => operation.rev <= toRev);
    this.give({ type: "SYNC.DELTAS", fromRev, toRev, ops });
  }

  ack(clientReqId: string, rev: Rev): void {
    this.give({ type: "ACK", clientReqId, rev, duplicate: true });
  }

  reject(clientReqId: string, code: Code, more: Partial<RejectMessage> = {}): void {
    this.give({ type: "REJECT", clientReqId, code, message: "no", retryable: false, ...more });
  }

  retry(clientReqId: string, code: Code, retryAfterMs?: number): void {
    this.reject(clientReqId, code, { retryable: true, ...(retryAfterMs !== undefined && { retryAfterMs }) });
  }

  heartbeat(rev: Rev, checksum = "f".repeat(16)): void {
    this.give({ type: "HEARTBEAT", rev, checksum });
  }

  /** Has the replica make an update; what it refuses changes nothing. */
  make(id: string, ...changes: Change[]): void {
    const before = [...this.replica.view.records()];
    const pending = this.replica.pending();
    try {
      this.replica.update(id, changes);
    } catch (error) {
      expect([...this.replica.view.records()]).toEqual(before);
      expect(this.replica.pending()).toEqual(pending);
      throw error;
    } finally {
      check(this.replica);
    }
  }

  /** Someone else's operation, made at the head, which the replica does not know of yet. */
  other(...changes: Change[]): Rev {
    const clientReqId = `other-${++this.serial}`;
    return this.accept({ type: "UPDATE", clientReqId, changes, baseRev: this.room.rev }, "other");
  }

  /** The server accepts an update of the replica. */
  accept(update: UpdateMessage, clientId = "me"): Rev {
    expect(this.room.offer(clientId, update)).toBeUndefined();
    return this.room.rev;
  }

  /** Everything the replica sends now. */
  sent(): ClientMessage[] {
    const sent: ClientMessage[] = [];
    for (let next = this.replica.pollMessage(this.now); next; next = this.replica.pollMessage(this.now))
      sent.push(next);
    check(this.replica);
    return copy(sent);
  }

  sentOne(): ClientMessage {
    const sent = this.sent();
    expect(sent).toHaveLength(1);
    return sent[0] ?? fail();
  }

  /** The updates the replica sends now, and nothing else. */
  updates(): UpdateMessage[] {
    return this.sent().map((message) => (message.type === "UPDATE" ? message : fail()));
  }

  update(): UpdateMessage {
    const updates = this.updates();
    expect(updates).toHaveLength(1);
    return updates[0] ?? fail();
  }

  updateIds(): string[] {
    return this.updates().map((update) => update.clientReqId);
  }

  /** The connection ends and another opens; returns its `JOIN`. */
  reconnect(): Extract<ClientMessage, { type: "JOIN" }> {
    this.replica.disconnected();
    check(this.replica);
    this.replica.connected();
    const join = this.sentOne();
    return join.type === "JOIN" ? join : fail();
  }

  /** What is stored of the replica now. */
  save(): SavedReplica {
    return copy({ pending: save(this.replica), records: [...this.replica.confirmed.records()] });
  }

  /** The page ends without a word, and another begins with what was stored. */
  crash(saved = this.save()): void {
    this.replica = new Replica({ room: "r", clientKey: ME, onGap: this.onGap });
    restore(this.replica, copy(saved));
    check(this.replica);
  }

  /** The room goes on under a new epoch, with what it had. */
  newEpoch(): void {
    this.room = this.room.reborn("f");
  }

  events(): ReplicaEvent[] {
    const events: ReplicaEvent[] = [];
    for (let next = this.replica.pollEvent(); next; next = this.replica.pollEvent()) events.push(next);
    return events;
  }

  /** The records of which the replica has told since the last look that they changed. */
  changed(): string[] {
    return this.events().flatMap((event) =>
      event.type === "changed" ? [...event.before.keys()].sort() : [],
    );
  }

  /** How updates have ended since the last look. */
  ended(): [id: string, ended: Ended][] {
    return this.events().flatMap((event) =>
      event.type === "resolved" ? [[event.id, inShort(event.outcome)]] : [],
    );
  }

  /** The record `n/id` in the view. */
  seen(id: string): Rec | undefined {
    return this.replica.view.get(keyOf({ collection: "n", id }));
  }

  /** The data of the record `n/id` in the view. */
  data(id: string): ObjectValue | undefined {
    return this.seen(id)?.data;
  }

  /** The text at `/t` of `n/a` in the view. */
  text(): unknown {
    return this.data("a")?.t;
  }
}

function inShort(outcome: Outcome): Ended {
  if (outcome.status === "accepted") return outcome.rev;
  return outcome.status === "rejected" ? outcome.code : outcome.status;
}

/** What comes out of the network or a store is never the object that went in. */
export function copy<T>(value: T): T {
  return JSON.parse(JSON.stringify(value));
}

export function fail(): never {
  throw new Error("not what the test expects");
}

/** A document as one value, to be compared. */
export function recordsOf(document: Document): Rec[] {
  return [...document.records()].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
}
