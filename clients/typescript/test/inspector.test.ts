// @vitest-environment happy-dom
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import type { Room } from "../src/index.js";
import { type InspectOptions, inspect } from "../src/inspector.js";
import { closeRooms, freshName, liveRoom, status, until } from "./support/rooms";
import { type Server, startServer, stopServers } from "./support/server";

let server: Server;
const removals: (() => void)[] = [];

beforeAll(async () => {
  server = await startServer(["--ring-ops", "8"]);
});

afterEach(async () => {
  for (const remove of removals.splice(0)) remove();
  expect(document.body.childElementCount).toBe(0);
  await closeRooms();
});

afterAll(stopServers);

/** An inspector, and what is in it. */
function inspected(room: Room, options?: InspectOptions) {
  removals.push(inspect(room, options));
  const root = document.querySelector("revring-inspector")?.shadowRoot;
  if (!root) throw new Error("no inspector");
  const button = (name: string) => {
    const found = [...root.querySelectorAll("button")].find((button) => button.textContent === name);
    if (!found) throw new Error(`no button ${name}`);
    return found;
  };
  const rows = (list: string) =>
    [...root.querySelectorAll(`[aria-label="${list}"] > *`)].map((row) => row.textContent ?? "");
  const figure = (name: string) =>
    rows("Figures")
      .find((row) => row.startsWith(`${name} `))
      ?.slice(name.length + 1);
  const state = () => root.querySelector(".state")?.textContent;
  return { root, button, rows, figure, state };
}

test("it shows the status, the revisions and the last deltas, own ones and others'", async () => {
  const room = freshName();
  const ada = await liveRoom(server.url, { room });
  const ben = await liveRoom(server.url, { room });
  const { rows, figure, state } = inspected(ada, { open: true });
  expect([state(), figure("room"), figure("rev")]).toEqual(["live", room, "0"]);
  await ada.put("cards", "1", { n: 1 });
  await until(ben, () => ben.rev === 1);
  await ben.set("cards", "1", "/n", 2);
  await vi.waitFor(() => expect([figure("rev"), figure("head"), figure("lag")]).toEqual(["2", "2", "0"]));
  const lines = rows("Last deltas and events");
  expect(lines[0]).toMatch(/\d 1 → 2 1 op: 0 own, 1 of others$/);
  expect(lines[1]).toMatch(/\d 0 → 1 1 op: 1 own, 0 of others$/);
});

test("it shows what is pending, why there is no connection, and connects again", async () => {
  const room = await liveRoom(server.url);
  const { button, rows, figure, state } = inspected(room, { open: true });
  button("Drop connection").click();
  await status(room, "offline");
  const outcome = room.update(
    [
      { op: "put", collection: "cards", id: "1", data: {} },
      { op: "set", collection: "cards", id: "1", path: "/a", value: 1 },
    ],
    { id: "mine" },
  );
  await vi.waitFor(() => expect(state()).toMatch(/^offline: ./));
  await vi.waitFor(() => expect(rows("Pending updates")).toEqual(["mine 0 s, not sent yet"]));
  expect(figure("pending")).toBe("1");
  button("Reconnect").click();
  expect((await outcome).status).toBe("accepted");
  await vi.waitFor(() => expect([state(), figure("pending")]).toEqual(["live", "0"]));
  expect(rows("Pending updates")).toEqual([]);
  await vi.waitFor(() => expect(rows("Last deltas and events").join("\n")).toMatch(/joined resumed, head 0/));
});

test("it shows gaps with their reason, snapshots and rejections", async () => {
  const room = freshName();
  const ada = await liveRoom(server.url, { room });
  const ben = await liveRoom(server.url, { room });
  const { button, rows, figure } = inspected(ada, { open: true });
  ada.disconnect();
  await status(ada, "offline");
  for (let n = 0; n < 20; n++) await ben.put("cards", `${n}`, { n });
  ada.reconnect();
  await vi.waitFor(() => expect(figure("gaps")).toBe("1"));
  expect(rows("Gaps")[0]).toMatch(/behind at 0, ring from 13, resumed from 20, 0 acked$/);
  const before = Number(figure("snapshots"));
  button("Resync").click();
  await vi.waitFor(() => expect(figure("snapshots")).toBe(`${before + 1}`));
  expect(rows("Last deltas and events").join("\n")).toMatch(/snapshot at 20: 20 records in 1 part/);
});

test("it shows rejections in the server's words", async () => {
  const room = freshName();
  const ada = await liveRoom(server.url, { room });
  const ben = await liveRoom(server.url, { room });
  const { rows } = inspected(ada, { open: true });
  ada.disconnect();
  await status(ada, "offline");
  const late = ada.update(
    { op: "put", collection: "cards", id: "1", data: {}, ifVersion: 0 },
    { id: "late" },
  );
  await ben.put("cards", "1", {});
  ada.reconnect();
  expect((await late).status).toBe("rejected");
  await vi.waitFor(() =>
    expect(rows("Last deltas and events").join("\n")).toMatch(/rejected late: CONFLICT, ./),
  );
});

test("its state can be copied as JSON", async () => {
  const room = await liveRoom(server.url);
  await room.put("cards", "1", { title: "Milk" });
  const { root, button } = inspected(room, { open: true });
  button("Copy state").click();
  await vi.waitFor(() => expect(root.querySelector(".notice")?.textContent).toBe("copied as JSON"));
  const state = JSON.parse(await navigator.clipboard.readText());
  expect(state).toMatchObject({
    room: room.name,
    rev: 1,
    checksum: room.checksum(),
    status: { state: "live" },
    records: { cards: [{ id: "1", version: 1, data: { title: "Milk" } }] },
  });
});

test("it is drawn at most four times a second, and not at all while it is closed", async () => {
  const room = await liveRoom(server.url);
  const { root, button, figure } = inspected(room);
  const body = root.querySelector("section");
  let changes = 0;
  const observer = new MutationObserver(() => changes++);
  observer.observe(root, { subtree: true, childList: true, characterData: true });
  expect(body?.hidden).toBe(true);
  for (let n = 0; n < 20; n++) await room.put("cards", "1", { n });
  expect(changes).toBe(0);
  button("revring").click();
  expect([body?.hidden, button("revring").getAttribute("aria-expanded")]).toEqual([false, "true"]);
  // What happened while it was closed is known nonetheless.
  expect(figure("rev")).toBe("20");
  const drawings: number[] = [];
  const watch = new MutationObserver(() => drawings.push(performance.now()));
  watch.observe(root, { subtree: true, childList: true, characterData: true });
  const started = performance.now();
  for (let n = 0; performance.now() - started < 1100; n++) await room.put("cards", "1", { n });
  expect(drawings.length).toBeGreaterThan(2);
  expect(drawings.length).toBeLessThan(7);
  watch.disconnect();
  observer.disconnect();
});

test("keys and screen readers find their way: a named button, Escape closes and gives the focus back", async () => {
  const room = await liveRoom(server.url);
  const { root, button } = inspected(room, { open: true });
  const handle = button("revring");
  const body = root.querySelector("section");
  expect(handle.getAttribute("aria-controls")).toBe(body?.id);
  expect(handle.getAttribute("aria-label")).toContain(room.name);
  button("Resync").focus();
  button("Resync").dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true }));
  expect([body?.hidden, handle.getAttribute("aria-expanded"), root.activeElement === handle]).toEqual([
    true,
    "false",
    true,
  ]);
});

test("it goes into a container, and what took it away leaves nothing behind", async () => {
  const room = await liveRoom(server.url);
  const drawer = document.createElement("aside");
  document.body.append(drawer);
  const remove = inspect(room, { container: drawer });
  expect(drawer.firstElementChild?.localName).toBe("revring-inspector");
  expect(drawer.firstElementChild?.hasAttribute("floating")).toBe(false);
  const root = drawer.firstElementChild?.shadowRoot;
  expect(root?.querySelector<HTMLElement>(".handle")?.hidden).toBe(true);
  expect(root?.querySelector("section")?.hidden).toBe(false);
  remove();
  expect(drawer.childElementCount).toBe(0);
  drawer.remove();
});
