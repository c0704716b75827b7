/** Messages as JSON in text frames. */

import type { Codec } from "./codec.js";
import { decodeMessage } from "./decode.js";
import { toValue } from "./value.js";

/** JSON in text frames. */
export const json: Codec = {
  subprotocol: "revring.v1.json",
  encode: (message) => JSON.stringify(message),
  decode: (data) =>
    decodeMessage(() => {
      if (typeof data !== "string") throw new TypeError("a binary frame");
      return toValue(JSON.parse(data));
    }),
};
