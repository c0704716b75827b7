// Socket.IO: one room, one record. `node socketio.mjs [PORT]`
import { createServer } from "node:http";
import { Server } from "socket.io";

const http = createServer();
const io = new Server(http, {
  transports: ["websocket"],
  serveClient: false,
  connectionStateRecovery: {},
});

const record = {};
let revision = 0;

io.on("connection", (socket) => {
  socket.join("room");
  if (!socket.recovered) socket.emit("state", revision, record);
  socket.on("op", (fields, acknowledge) => {
    Object.assign(record, fields);
    revision += 1;
    socket.to("room").emit("op", revision, fields);
    acknowledge(revision);
  });
});

http.listen(Number(process.argv[2] ?? 0), "127.0.0.1", () => {
  console.log(`listening on ws://127.0.0.1:${http.address().port}/socket.io/`);
});
