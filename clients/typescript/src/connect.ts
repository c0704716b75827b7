/** Opening a room. */

import type { BackoffOptions } from "./backoff.js";
import type { Codec } from "./codec.js";
import type { WebSocketConstructor } from "./connection.js";
import { checkName } from "./names.js";
import type { OnGap } from "./replica/event.js";
import { Room, type UndoOption } from "./room.js";
import type { Store } from "./store.js";

/** How to open a room. */
export interface ConnectOptions {
  /** The room's name: 1 to 128 characters of `A-Z a-z 0-9 - _ . : ~ @ /`. */
  readonly room: string;
  /**
   * The secret that makes this client the same one later: 16 to 128 printable ASCII characters. Default: the store's, or a
   * new one. Opened twice under one key, a room closes where it was opened first.
   */
  readonly clientKey?: string | undefined;
  /** The access token, or a function that gives one for each connection. */
  readonly token?: string | (() => string | Promise<string>) | undefined;
  /** What becomes of unanswered updates on a gap: offered again (default), or given back as `discarded`. */
  readonly onGap?: OnGap | undefined;
  /** Where state and pending updates outlive the page. Default: nowhere. */
  readonly store?: Store | undefined;
  /** After how long without a sign of the server the state counts as stale, in milliseconds. Default: 180,000. */
  readonly staleAfterMs?: number | undefined;
  /** What becomes of updates while the state is stale: queued (default), or refused with an `UpdateError` (`STALE`). */
  readonly whenStale?: "queue" | "refuse" | undefined;
  /** How long a handshake may take, and then the answer to `JOIN`, in milliseconds. Default: 10,000. */
  readonly connectTimeoutMs?: number | undefined;
  /** Bounds of the pause between attempts to connect. Default: 250 ms and 15,000 ms. */
  readonly backoff?: BackoffOptions | undefined;
  /** `undo` of `revring/undo`: own updates can then be undone. Default: they are not remembered. */
  readonly undo?: UndoOption | undefined;
  /** What makes WebSockets. Default: the platform's; give that of the package `ws` where there is none, as in Node 20. */
  readonly WebSocket?: WebSocketConstructor | undefined;
}

/**
 * Opens a room on the server at `url`, with `codec` on the wire.
 *
 * @throws TypeError or RangeError when an argument is wrong. What the server or the network has to say comes as a status.
 */
export function open(url: string, options: ConnectOptions, codec: Codec): Room {
  const {
    staleAfterMs = 180_000,
    whenStale = "queue",
    connectTimeoutMs = 10_000,
    backoff = { baseMs: 250, maxMs: 15_000 },
    WebSocket = globalThis.WebSocket as WebSocketConstructor | undefined,
    ...others
  } = options;
  if (!WebSocket) throw new TypeError("no WebSocket here: give options.WebSocket");
  checkName("room", others.room);
  if (others.clientKey !== undefined) checkName("clientKey", others.clientKey);
  const link = { url: address(url), codec, WebSocket, connectTimeoutMs, backoff };
  return new Room({ ...others, ...link, staleAfterMs, whenStale });
}

/** The address of the WebSocket: `ws` for `http`, `/v1/ws` where there is no path; relative to the page in browsers. */
export function address(url: string): string {
  const at = new URL(url, typeof location === "object" ? location.href : undefined);
  at.protocol = at.protocol.replace("http", "ws");
  if (!at.protocol.startsWith("ws"))
    throw new TypeError(`the url must begin with ws, wss, http or https: ${url}`);
  if (at.pathname === "/") at.pathname = "/v1/ws";
  at.hash = "";
  return at.href;
}
