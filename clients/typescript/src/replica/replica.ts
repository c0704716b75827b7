import type { Change, ClientMessage, ObjectValue, ServerMessage } from "../types.js";
import { equal } from "../value.js";
import { admit } from "./admit.js";
import { handleAck, handleReject } from "./answers.js";
import { endConflicts } from "./conflict.js";
import type { ReplicaEvent } from "./event.js";
import { idsOf, isUnsent } from "./pending.js";
import { handlePresence } from "./presence.js";
import { maySend, nextMessage } from "./send.js";
import { State } from "./state.js";
import { handleDeltas, handleGap, handleHeartbeat, handleJoined, handleSnapshot } from "./sync.js";

/** Where a replica stands with its server. */
export type ReplicaStatus =
  /** No connection. */
  | "offline"
  /** Waiting for `JOINED`. */
  | "joining"
  /** Waiting for state: for the answer to a `RESYNC`, or for the parts of a snapshot. */
  | "loading"
  /** Following the room. */
  | "live"
  /** Given up, see the event. */
  | "diverged";

/**
 * A client's copy of a room: what the server confirmed, what is pending, and the optimistic view of both (section K).
 * It has neither socket nor clock: messages go in and come out.
 */
export class Replica extends State {
  /** A fresh connection is open: `JOIN` becomes due. */
  connected(): void {
    this.disconnected();
    this.stage = "joining";
    this.askDue = true;
    this.trouble = 0;
  }

  /** The connection is gone: what is unanswered is sent again after the next `JOINED`. */
  disconnected(): void {
    this.stage = "offline";
    this.heartbeatDue = this.leaveDue = false;
    for (const pending of this.queue) {
      pending.sent = false;
      pending.copies = 0;
    }
    endConflicts(this);
  }

  /**
   * Makes an update: it shows in the view at once, is sent when its turn comes, and ends with `resolved`. `id` is new
   * for each; `changes` are valid and never change.
   *
   * Throws an {@link UpdateError} when it cannot be sent or does not apply to the view; nothing has then changed.
   */
  update(id: string, changes: readonly Change[]): void {
    admit(this, id, changes);
  }

  /** Says what others see of this client, now and after each reconnect; null: nothing. */
  setPresence(data: ObjectValue | null): void {
    this.ownDue ||= !equal(this.own, data);
    this.own = data;
  }

  /** Asks for a snapshot, in place of what is confirmed. Not while the answer to `JOIN` or `RESYNC` is awaited. */
  resync(): void {
    const { stage, askDue } = this;
    if (!askDue && (stage === "joining" || stage === "resyncing")) return;
    if (stage !== "offline" && stage !== "joining") {
      this.stage = "resyncing";
      this.askDue = true;
    }
    this.resume = this.trusted = false;
    this.trouble = 0;
  }

  /** Asks for the head and its checksum, which the event `heartbeat` tells. */
  heartbeat(): void {
    this.heartbeatDue = true;
  }

  /** Ends the connection once nothing else can be sent now. */
  leave(): void {
    this.leaveDue = true;
  }

  /** Takes a message of the server. `now`: milliseconds by any one clock, which `pollMessage` is given too. */
  handle(message: ServerMessage, now: number): void {
    const { type } = message;
    if (type === "JOINED") handleJoined(this, message);
    else if (type === "SYNC.SNAPSHOT") handleSnapshot(this, message);
    else if (type === "SYNC.DELTAS") handleDeltas(this, message);
    else if (type === "REVISION_GAP") handleGap(this, message);
    else if (type === "ACK") handleAck(this, message.clientReqId, message.rev);
    else if (type === "REJECT") handleReject(this, message, now);
    else if (type === "PRESENCE") handlePresence(this, message);
    else if (type === "ERROR") this.events.push({ ...message, type: "error" });
    else {
      handleHeartbeat(this, message.rev, message.checksum);
      this.events.push({ type: "heartbeat", head: this.head, lag: this.lag() });
    }
  }

  /** The next message to be sent, if one is due. `now` in milliseconds. */
  pollMessage(now: number): ClientMessage | undefined {
    return nextMessage(this, now);
  }

  /** When to call `pollMessage` again even if nothing has happened, in milliseconds by its clock. */
  pollTimeout(): number | undefined {
    return (maySend(this) && this.queue.some(isUnsent) && this.hold) || undefined;
  }

  /** The next event for the application. */
  pollEvent(): ReplicaEvent | undefined {
    return this.events.shift();
  }

  /** How many of the room's operations are known of and not confirmed here. */
  lag(): number {
    return Math.max(0, this.head - this.confirmedRev);
  }

  /** The ids of the updates that are not confirmed, in their order, those accepted but not seen yet included. */
  pending(): string[] {
    return this.queue.flatMap(idsOf);
  }

  /** Where this replica stands with its server. */
  status(): ReplicaStatus {
    return this.stage === "resyncing" ? "loading" : this.stage;
  }
}
