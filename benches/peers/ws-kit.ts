// ws-kit on Bun: its router, validated messages, its publish by way of Bun's. `bun ws-kit.ts [PORT]`
import { bunPubSub, createBunHandler } from "@ws-kit/bun";
import { withPubSub } from "@ws-kit/pubsub";
import { createRouter, message, withZod, z } from "@ws-kit/zod";

const Join = message("JOIN");
const State = message("STATE", { revision: z.number(), record: z.record(z.string(), z.string()) });
const Update = message("UPDATE", { field: z.string(), value: z.string() });
const Updated = message("UPDATED", { revision: z.number(), field: z.string(), value: z.string() });

const record: Record<string, string> = {};
let revision = 0;

// The publisher wants the server, the server wants the handler: the handler is filled in below.
const handler: Partial<ReturnType<typeof createBunHandler>> = {};
const server = Bun.serve({
  hostname: "127.0.0.1",
  port: Number(process.argv[2] ?? 0),
  fetch: (request, server) => handler.fetch?.(request, server),
  websocket: {
    open: (socket) => handler.websocket?.open(socket),
    message: (socket, data) => handler.websocket?.message(socket, data),
    close: (socket, code, reason) => handler.websocket?.close(socket, code, reason),
  },
});

const router = createRouter()
  .plugin(withZod())
  .plugin(withPubSub({ adapter: bunPubSub(server) }));
router.on(Join, (context) => {
  context.send(State, { revision, record });
});
router.on(Update, async (context) => {
  const { field, value } = context.payload;
  record[field] = value;
  revision += 1;
  await context.publish("room", Updated, { revision, field, value });
});
// `context.topics.subscribe` does nothing with this publisher; the socket's own `subscribe` is what it publishes to.
Object.assign(handler, createBunHandler(router, { onOpen: ({ ws }) => ws.subscribe("room") }));

console.log(`listening on ws://127.0.0.1:${server.port}/`);
