/** Messages as MessagePack in binary frames; operations and changes are positional arrays (rule W-3). */

import type { Codec } from "./codec.js";
import { decodeMessage } from "./decode.js";
import { pack, unpack } from "./msgpack.js";
import { OPS } from "./ops.js";
import type { Change } from "./types.js";

/** `change` by place. */
function placed(change: Change): unknown[] {
  const fields: { readonly [name: string]: unknown } = { ...change };
  const names = ["op", "collection", "id", "ifVersion", ...Object.keys(OPS[change.op])];
  return names.map((name) => fields[name] ?? null);
}

/** MessagePack in binary frames. */
export const msgpack: Codec = {
  subprotocol: "revring.v1.msgpack",
  encode: (message) =>
    pack(message.type === "UPDATE" ? { ...message, changes: message.changes.map(placed) } : message),
  decode: (data) =>
    decodeMessage(() => {
      if (typeof data === "string") throw new TypeError("a text frame");
      return unpack(data);
    }),
};
