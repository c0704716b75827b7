/** How a room stands with its server, as an interface shows it. */

import type { Connection } from "./connection.js";
import type { Replica } from "./replica/replica.js";
import type { Code } from "./types.js";

/** How a room stands with its server. Immutable: another object when something in it changed. */
export interface Status {
  /**
   * - `connecting`: a connection is being made.
   * - `syncing`: connected; what happened meanwhile is loading.
   * - `live`: the view follows the server.
   * - `stale`: not live, and nothing came from the server for `staleAfterMs`.
   * - `offline`: no connection; the next attempt is at `retryAt`, or when the network is back or `reconnect` is called.
   * - `closed`: for good.
   */
  readonly state: "connecting" | "syncing" | "live" | "stale" | "offline" | "closed";
  /** Why there is no connection, in words for people. */
  readonly reason?: string | undefined;
  /** The server's code for that, if it gave one. */
  readonly code?: Code | undefined;
  /** How many updates are not confirmed yet. */
  readonly pending: number;
  /** How many operations the server has that have not come yet, as far as is known. */
  readonly lag: number;
  /** Since when the state is this one, in milliseconds since 1970. */
  readonly since: number;
  /** When the next attempt to connect is made, in milliseconds since 1970. */
  readonly retryAt?: number | undefined;
  /** Whether updates are taken. */
  readonly canWrite: boolean;
}

/** The status at `now`, in milliseconds since 1970: `before` if nothing in it changed. */
export function statusOf(
  before: Status | undefined,
  connection: Pick<Connection, "phase" | "isLive" | "contact" | "reason" | "code" | "retryAt">,
  replica: Pick<Replica, "pending" | "lag">,
  { staleAfterMs, whenStale }: { readonly staleAfterMs: number; readonly whenStale: "queue" | "refuse" },
  now: number,
): Status {
  const { phase, reason, code, retryAt, contact } = connection;
  let state: Status["state"] = phase !== "joined" ? phase : connection.isLive() ? "live" : "syncing";
  if (state !== "live" && state !== "closed" && now - contact >= staleAfterMs) state = "stale";
  const after: Status = {
    state,
    reason,
    code,
    pending: replica.pending().length,
    lag: replica.lag(),
    since: before?.state === state ? before.since : now,
    retryAt,
    canWrite: state !== "closed" && (state !== "stale" || whenStale === "queue"),
  };
  return before && JSON.stringify(before) === JSON.stringify(after) ? before : after;
}
