/** Makes updates in a room that is kept in files, and says which are stored, until it is ended. */

import { WebSocket } from "ws";
import { connect } from "../../src/index.js";
import { fileStore } from "../../src/node.js";
import type { Store } from "../../src/store.js";

const [, , url = "", name = "", root = "", life = ""] = process.argv;

/** The file store, which says what it has stored. */
function telling(store: Store): Store {
  const open: Store["open"] = async (request) => {
    const seat = await store.open(request);
    const { clientKey } = seat;
    return {
      clientKey,
      take: () => seat.take(),
      close: () => seat.close(),
      write: async (write) => {
        await seat.write(write);
        for (const { id } of write.pending.queue) process.stdout.write(`stored ${id}\n`);
      },
    };
  };
  return { ...store, open };
}

const backoff = { baseMs: 2, maxMs: 10 };
const room = connect(url, { room: name, store: telling(fileStore(root)), WebSocket, backoff });
room.onStatus(({ state, reason }) => state === "closed" && process.stdout.write(`closed ${reason}\n`));
await room.ready;
process.stdout.write("ready\n");

for (let n = 0; ; n++) {
  const id = `${life}-${n}`;
  // Some are made without a connection, some right after another, some with time between.
  if (n % 40 === 20) room.disconnect();
  if (n % 40 === 30) room.reconnect();
  const changes = [
    { op: "put", collection: "made", id, data: {} },
    { op: "add", collection: "c", id: "n", path: "/n", by: 1 },
  ] as const;
  void room.update(changes, { id }).then(({ status }) => process.stdout.write(`${status} ${id}\n`));
  if (n % 3 === 0) await new Promise((resolve) => setTimeout(resolve, n % 5));
}
