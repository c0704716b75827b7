// Bun's publish: a relay between all who are connected. `bun bun-publish.ts [PORT]`
const server = Bun.serve({
  hostname: "127.0.0.1",
  port: Number(process.argv[2] ?? 0),
  fetch(request, server) {
    if (!server.upgrade(request)) return new Response("a WebSocket is expected", { status: 426 });
  },
  websocket: {
    open(socket) {
      socket.subscribe("room");
    },
    message(_socket, message) {
      server.publish("room", message);
    },
  },
});

console.log(`listening on ws://127.0.0.1:${server.port}/`);
