import type { Room } from "../room.js";
import type { Change, ClientMessage, ServerMessage } from "../types.js";

/** Something that happened. */
export interface Line {
  /** When, in milliseconds since 1970. */
  readonly at: number;
  readonly what: string;
  readonly detail: string;
}

/** An update that was sent, or only seen to be pending. */
export interface Sighting {
  /** When it was first seen, in milliseconds since 1970. */
  readonly at: number;
  /** What it does; undefined: it was not sent yet. */
  readonly what: string | undefined;
}

const KEPT = 20;

/** What happened in a room, as far back as the panel shows it. */
export class Log {
  /** The latest first. */
  readonly lines: Line[] = [];
  /** Gaps, the latest first. */
  readonly gaps: Line[] = [];
  snapshots = 0;
  /** Messages that came and went. */
  received = 0;
  sent = 0;
  private readonly updates = new Map<string, Sighting>();
  private readonly ends: (() => void)[];
  private parts = 0;
  private records = 0;

  /**
   * @param room What is watched.
   * @param changed Called when there is something new.
   */
  constructor(
    private readonly room: Room,
    changed: () => void,
  ) {
    let { state } = room.status;
    const noting = <T>(note: (value: T) => void) => {
      return (value: T) => {
        note(value);
        changed();
      };
    };
    this.ends = [
      room.on(
        "received",
        noting(({ message }) => this.noteReceived(message)),
      ),
      room.on(
        "sent",
        noting(({ message }) => this.noteSent(message)),
      ),
      room.on(
        "outcome",
        noting(({ id, outcome }) => {
          this.updates.delete(id);
          if (outcome.status === "discarded") this.note("discarded", id);
          else if (outcome.status === "rejected")
            this.note("rejected", `${id}: ${outcome.code}, ${outcome.message}`);
        }),
      ),
      room.on(
        "warning",
        noting(({ message }) => this.note("store", message)),
      ),
      room.on(
        "diverged",
        noting(() => this.note("diverged", "page and server disagree about the state")),
      ),
      room.onStatus(
        noting((status) => {
          if (status.state !== state) this.note(status.state, status.reason ?? "");
          state = status.state;
        }),
      ),
    ];
  }

  /** What is known of a pending update; it is seen now if it was not before. */
  sighting(id: string): Sighting {
    const known = this.updates.get(id) ?? { at: Date.now(), what: undefined };
    this.updates.set(id, known);
    return known;
  }

  /** Watches no longer. */
  stop(): void {
    for (const end of this.ends) end();
  }

  private note(what: string, detail: string, list = this.lines): void {
    list.unshift({ at: Date.now(), what, detail });
    if (list.length > KEPT) list.pop();
  }

  private noteReceived(message: ServerMessage): void {
    this.received++;
    if (message.type === "SYNC.DELTAS") {
      const { fromRev, toRev, ops } = message;
      const own = ops.filter((operation) => operation.clientId === this.room.clientId).length;
      this.note(
        `${fromRev} → ${toRev}`,
        `${count(ops.length, "op")}: ${own} own, ${ops.length - own} of others`,
      );
    } else if (message.type === "SYNC.SNAPSHOT") {
      if (!message.part) this.parts = this.records = 0;
      this.parts++;
      for (const records of Object.values(message.state)) this.records += Object.keys(records).length;
      if (!message.last) return;
      this.snapshots++;
      this.note(
        "snapshot",
        `at ${message.rev}: ${count(this.records, "record")} in ${count(this.parts, "part")}`,
      );
    } else if (message.type === "REVISION_GAP") {
      const { reason, expectedRev, bufferFirstRev, resumeFrom, acked } = message;
      const detail = `at ${expectedRev}, ring from ${bufferFirstRev}, resumed from ${resumeFrom}, ${acked.length} acked`;
      this.note(`gap: ${reason}`, detail);
      this.note(reason, detail, this.gaps);
    } else if (message.type === "JOINED") {
      this.note("joined", `${message.resumed ? "resumed" : "anew"}, head ${message.rev}`);
    } else if (message.type === "ERROR" || message.type === "REJECT") {
      this.note(message.code, message.message);
    } else if (message.type === "ACK") {
      this.note("ack", `${message.clientReqId} at ${message.rev}${message.duplicate ? ", a duplicate" : ""}`);
    }
  }

  private noteSent(message: ClientMessage): void {
    this.sent++;
    if (message.type === "UPDATE") {
      const { clientReqId, changes } = message;
      this.updates.set(clientReqId, { at: this.sighting(clientReqId).at, what: wordsOf(changes) });
    } else if (message.type !== "PRESENCE" && message.type !== "HEARTBEAT") {
      this.note(`→ ${message.type}`, "");
    }
  }
}

/** What the changes of an update are: `splice × 3, set in cards/1`. */
function wordsOf(changes: readonly Change[]): string {
  const kinds = new Map<string, number>();
  for (const { op } of changes) kinds.set(op, (kinds.get(op) ?? 0) + 1);
  const words = [...kinds].map(([op, n]) => (n > 1 ? `${op} × ${n}` : op)).join(", ");
  const records = [...new Set(changes.map(({ collection, id }) => `${collection}/${id}`))];
  return `${words} in ${records.length > 1 ? count(records.length, "record") : records.join()}`;
}

/** `3 ops`, `1 op`. */
export const count = (n: number, noun: string): string => `${n} ${noun}${n === 1 ? "" : "s"}`;
