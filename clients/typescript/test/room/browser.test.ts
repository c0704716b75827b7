// @vitest-environment happy-dom

import { afterEach, expect, test, vi } from "vitest";
import { closeRooms, openRoom, status, until } from "../support/rooms";
import { startServer, stopServers } from "../support/server";
import { clearStages, Stage } from "../support/stage";

afterEach(async () => {
  onLine = true;
  await closeRooms();
  await clearStages();
  await stopServers();
});

// What a browser knows and a test cannot do to this machine: its network, and who looks at its page.
let onLine = true;
let visibility: DocumentVisibilityState = "visible";
vi.spyOn(navigator, "onLine", "get").mockImplementation(() => onLine);
vi.spyOn(document, "visibilityState", "get").mockImplementation(() => visibility);

function setOnline(value: boolean): void {
  onLine = value;
  window.dispatchEvent(new Event(value ? "online" : "offline"));
}

function show(value: DocumentVisibilityState): void {
  visibility = value;
  document.dispatchEvent(new Event("visibilitychange"));
}

const patient = { backoff: { baseMs: 1e9, maxMs: 1e9 }, codec: "json" } as const;

test("without a network nothing is tried until there is one", async () => {
  const server = await startServer();
  const room = openRoom(server.url, patient);
  await status(room, "live");
  setOnline(false);
  expect(room.status).toMatchObject({ state: "offline", retryAt: undefined, canWrite: true });
  expect(room.status.reason).toContain("device is offline");
  setOnline(true);
  expect(room.status.state).toBe("connecting");
  await status(room, "live");
});

test("a room that is opened without a network waits, unless it is told to try", async () => {
  const server = await startServer();
  onLine = false;
  const room = openRoom(server.url, patient);
  await until(room, () => room.status.state === "offline");
  room.reconnect();
  await status(room, "live");
});

test("who disconnected on purpose stays so when the network is back", async () => {
  const server = await startServer();
  const room = openRoom(server.url, patient);
  await status(room, "live");
  room.disconnect();
  setOnline(false);
  setOnline(true);
  show("visible");
  expect(room.status.state).toBe("offline");
});

test("a page that is looked at again asks for a sign of life", async () => {
  const stage = await Stage.set();
  const room = openRoom(stage.url, patient);
  const peer = await stage.joined();
  await status(room, "live");
  show("hidden");
  show("visible");
  expect(await peer.receive()).toEqual({ type: "HEARTBEAT" });
  // It is due in 3 seconds, not in 10.
  const asked = performance.now();
  expect((await status(room, "offline")).reason).toContain("silent");
  expect(performance.now() - asked).toBeLessThan(8_000);
  await peer.ended;
});

test("a page that is looked at again connects at once", async () => {
  const stage = await Stage.set();
  const room = openRoom(stage.url, patient);
  const peer = await stage.joined();
  await status(room, "live");
  peer.cut();
  const { retryAt = 0 } = await status(room, "offline");
  expect(retryAt).toBeGreaterThan(Date.now());
  show("hidden");
  show("visible");
  await stage.joined();
  await status(room, "live");
});

test("a closed room listens to nothing any more", async () => {
  const stage = await Stage.set();
  const room = openRoom(stage.url, patient);
  await stage.joined();
  await status(room, "live");
  await room.close();
  setOnline(false);
  setOnline(true);
  expect(room.status.state).toBe("closed");
});
