/** Rooms of shared state, in JSON alone: smaller than the entry `revring`, and the same otherwise. */

import { json } from "./codec-json.js";
import { type ConnectOptions, open } from "./connect.js";
import type { Room } from "./room.js";

export * from "./api.js";
export type { ConnectOptions };

/**
 * Opens a room on the server at `url` and returns at once; the connection is made, and made again, in the background.
 *
 * `url` begins with ws, wss, http or https, or is relative to the page; `/v1/ws` is added where there is no path.
 *
 * @throws TypeError or RangeError when an argument is wrong. What the server or the network has to say comes as a status.
 */
export function connect(url: string, options: ConnectOptions): Room {
  return open(url, options, json);
}
