/** Rooms of shared state, in MessagePack or JSON. */

import { json } from "./codec-json.js";
import { msgpack } from "./codec-msgpack.js";
import { type ConnectOptions as Options, open } from "./connect.js";
import type { Room } from "./room.js";

export * from "./api.js";

/** How to open a room. */
export interface ConnectOptions extends Options {
  /** How messages stand on the wire. Default: `msgpack`, which is smaller; `json` can be read in the browser's tools. */
  readonly codec?: "msgpack" | "json" | undefined;
}

/**
 * Opens a room on the server at `url` and returns at once; the connection is made, and made again, in the background.
 *
 * `url` begins with ws, wss, http or https, or is relative to the page; `/v1/ws` is added where there is no path.
 *
 * @throws TypeError or RangeError when an argument is wrong. What the server or the network has to say comes as a status.
 */
export function connect(url: string, options: ConnectOptions): Room {
  return open(url, options, options.codec === "json" ? json : msgpack);
}
