// ShareDB: one document of json0. `node sharedb.mjs [PORT]`
import { createServer } from "node:http";
import WebSocketJSONStream from "@teamwork/websocket-json-stream";
import ShareDB from "sharedb";
import { WebSocketServer } from "ws";

const backend = new ShareDB();
const document = backend.connect().get("room", "record");

document.create({}, (error) => {
  if (error) throw error;
  const http = createServer();
  new WebSocketServer({ server: http }).on("connection", (socket) => backend.listen(new WebSocketJSONStream(socket)));
  http.listen(Number(process.argv[2] ?? 0), "127.0.0.1", () => {
    console.log(`listening on ws://127.0.0.1:${http.address().port}/`);
  });
});
