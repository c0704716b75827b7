/** How messages stand on the wire (rules W-1 to W-3). */

import type { ClientMessage, ServerMessage } from "./types.js";

/** A way to write messages of clients and to read those of servers. */
export interface Codec {
  /** The WebSocket subprotocol that stands for it. */
  readonly subprotocol: string;
  /** The frame of `message`: a string for a text frame, bytes for a binary one. */
  encode(message: ClientMessage): string | Uint8Array<ArrayBuffer>;
  /** The message in a frame. Throws a {@link DecodeError} that says what is wrong with it. */
  decode(data: string | Uint8Array): ServerMessage;
}

/** A frame that is no message of a server. */
export class DecodeError extends Error {}
