// Hocuspocus: Yjs documents. `node hocuspocus.mjs [PORT]`
import { Server } from "@hocuspocus/server";

const server = new Server({
  address: "127.0.0.1",
  port: Number(process.argv[2] ?? 0),
  quiet: true,
  // A signal ends it at once: there is nothing to store.
  stopOnSignals: false,
  // Its provider says something at least every half minute; the clients here have nothing to say when nothing happens.
  timeout: 600_000,
});

await server.listen();
// Without a database, a document that all leave is gone; this one stays.
await server.hocuspocus.openDirectConnection("room");
console.log(`listening on ws://127.0.0.1:${server.address.port}/`);
