import type { Key } from "../document.js";
import type { Code, Conflict, GapReason, Rec, Rev } from "../types.js";

/** What happens to pending updates after a gap: they are offered again, or given back (rule K-5). */
export type OnGap = "resubmit" | "discard";

/** What became of an update. */
export type Outcome =
  | { readonly status: "accepted"; readonly rev: Rev }
  | {
      readonly status: "rejected";
      readonly code: Code;
      readonly message: string;
      readonly conflict?: Conflict | undefined;
    }
  /** It was given back after a gap (`onGap: "discard"`). */
  | { readonly status: "discarded" };

/** Something the application may want to know. */
export type ReplicaEvent =
  /** The server took the `JOIN`, or answered a `RESYNC`; `resumed`: deltas follow, not a snapshot. */
  | { type: "joined"; resumed: boolean }
  /** The view has another object, or none, under each of these keys; it had these records before. */
  | { type: "changed"; before: Map<Key, Rec | undefined> }
  /** Comes exactly once for each update that was taken. */
  | { type: "resolved"; id: string; outcome: Outcome }
  /** The server has no delta for this client; a snapshot follows. */
  | { type: "gap"; reason: GapReason }
  /** A snapshot has replaced the confirmed state. */
  | { type: "snapshot"; rev: Rev }
  /** Who came, changed or left. */
  | { type: "presence"; clients: Set<string> }
  /** The server answered a heartbeat; `lag`: how many operations up to `head` are not confirmed here yet. */
  | { type: "heartbeat"; head: Rev; lag: number }
  /** The server said something about the connection; `retryAfterMs` in milliseconds. */
  | { type: "error"; code: Code; message: string; retryable: boolean; retryAfterMs?: number }
  /**
   * State and server disagree however often a snapshot is asked for. Nothing is sent or applied any more until
   * `resync` or a new connection.
   */
  | { type: "diverged" };
