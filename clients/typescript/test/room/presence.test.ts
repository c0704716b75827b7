import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { UpdateError } from "../../src/index";
import { closeRooms, freshName, liveRoom, until } from "../support/rooms";
import { dataDir, type Server, startServer, stopServers } from "../support/server";

let server: Server;
beforeAll(async () => {
  server = await startServer(["--data-dir", await dataDir()]);
});
afterEach(closeRooms);
afterAll(stopServers);

test("p2 others see it, oneself does not, and it goes with its client", async () => {
  const room = freshName();
  const ann = await liveRoom(server.url, { room });
  const bob = await liveRoom(server.url, { room });
  const told: string[][] = [];
  ann.presence.subscribe((clients) => told.push([...clients]));
  bob.presence.set({ name: "Bob", cursor: { x: 1, y: 2 } });
  ann.presence.set({ name: "Ann" });
  expect(ann.presence.own).toEqual({ name: "Ann" });
  await until(ann, () => ann.presence.others.size === 1);
  await until(bob, () => bob.presence.others.size === 1);
  const others = ann.presence.others;
  expect([...others]).toEqual([[bob.clientId, { name: "Bob", cursor: { x: 1, y: 2 } }]]);
  expect(told.flat()).toContain(bob.clientId);
  bob.presence.set({ name: "Bob", cursor: { x: 3, y: 4 } });
  await until(ann, () => ann.presence.others !== others && ann.presence.others.size === 1);
  expect([...ann.presence.others.values()]).toEqual([{ name: "Bob", cursor: { x: 3, y: 4 } }]);
  bob.presence.set(null);
  await until(ann, () => ann.presence.others.size === 0);
  bob.presence.set({ name: "Bob" });
  await until(ann, () => ann.presence.others.size === 1);
  await bob.close();
  await until(ann, () => ann.presence.others.size === 0);
});

test("p1 it is said again on each connection", async () => {
  const room = freshName();
  const ann = await liveRoom(server.url, { room });
  const bob = await liveRoom(server.url, { room });
  bob.presence.set({ name: "Bob" });
  await until(ann, () => ann.presence.others.size === 1);
  await server.restart();
  await until(ann, () => ann.status.state === "live" && bob.status.state === "live");
  await until(ann, () => [...ann.presence.others.values()].some((data) => data.name === "Bob"));
});

test("p1 what is no object or too large is refused at once", async () => {
  const room = await liveRoom(server.url);
  expect(() => room.presence.set({ at: new Date() })).toThrow(UpdateError);
  expect(() => room.presence.set([1])).toThrow("object");
  expect(() => room.presence.set({ text: "x".repeat(5000) })).toThrow("4096 bytes");
  expect(room.presence.own).toBeNull();
});
