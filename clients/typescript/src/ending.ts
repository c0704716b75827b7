/** How a connection ended, and what follows from it (rule E-2). */

import type { Code } from "./types.js";

/** A server may ask for a longer pause; so much is granted, in milliseconds. */
const LONGEST_RETRY_AFTER = 600_000;
/** An `ERROR` this old, in milliseconds, was not the reason for the end. */
const FORGOTTEN_AFTER = 10_000;

/** The last `ERROR` of a connection. */
export interface Complaint {
  /** When it came, by the clock of `now` below. */
  readonly at: number;
  readonly code: Code;
  readonly message: string;
  readonly retryAfterMs?: number;
}

/** What follows from the end of a connection. */
export interface Verdict {
  /** The room is closed for good; otherwise another attempt is due. */
  readonly final: boolean;
  /** Why, in words. */
  readonly reason: string;
  readonly code: Code | undefined;
  /** How long to wait at least before the next attempt, in milliseconds. */
  readonly retryAfterMs: number;
}

/**
 * What follows when a connection ended with the close code `close` (undefined or 1006: without a close frame) and `words`,
 * given its last `ERROR` and whether the server had answered `JOIN`.
 */
export function verdict(
  close: number | undefined,
  words: string,
  last: Complaint | undefined,
  joined: boolean,
  now: number,
): Verdict {
  const complaint = last && now - last.at < FORGOTTEN_AFTER ? last : undefined;
  const code = close === 4001 ? "SUPERSEDED" : complaint?.code;
  const lost = close === undefined || close === 1006;
  const final = lost
    ? // The close frame that belonged to the ERROR may have been lost on the way.
      code === "SUPERSEDED" || (!joined && /^(UNAUTH|FORBID|JOIN_T)/.test(code ?? ""))
    : close === 1000 || close >= 4000;
  return {
    final,
    reason:
      code === "SUPERSEDED"
        ? "this room was opened elsewhere under the same client key"
        : complaint?.message ||
          words ||
          (lost ? "the connection was lost" : `the server closed the connection (${close})`),
    code,
    retryAfterMs: Math.min(complaint?.retryAfterMs ?? 0, LONGEST_RETRY_AFTER),
  };
}
