// tldraw sync: one room with one record. `node tldraw.mjs [PORT]`
import { createServer } from "node:http";
import { randomUUID } from "node:crypto";
import { createRecordType, StoreSchema } from "@tldraw/store";
import { InMemorySyncStorage, TLSocketRoom } from "@tldraw/sync-core";
import { T } from "@tldraw/validate";
import { WebSocketServer } from "ws";

const Note = createRecordType("note", {
  scope: "document",
  validator: T.object({
    id: T.string,
    typeName: T.literal("note"),
    props: T.dict(T.string, T.string),
  }),
});
const schema = StoreSchema.create({ note: Note });
const record = Note.create({ id: Note.createId("record"), props: {} });

const room = new TLSocketRoom({
  schema,
  storage: new InMemorySyncStorage({
    snapshot: {
      documentClock: 0,
      tombstoneHistoryStartsAtClock: 0,
      schema: schema.serialize(),
      documents: [{ state: record, lastChangedClock: 0 }],
    },
  }),
  // Its client pings every five seconds; the clients here have nothing to say when nothing happens.
  clientTimeout: 600_000,
});

const http = createServer();
new WebSocketServer({ server: http }).on("connection", (socket, request) => {
  const session = new URL(request.url, "ws://room").searchParams.get("sessionId");
  room.handleSocketConnect({ sessionId: session ?? randomUUID(), socket });
});
http.listen(Number(process.argv[2] ?? 0), "127.0.0.1", () => {
  console.log(`listening on ws://127.0.0.1:${http.address().port}/`);
});
