import { writeFile } from "node:fs/promises";
import { createServer, type Server as HttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { connect, UpdateError } from "../../src/index";
import { connect as connectJson } from "../../src/json";
import { DEFAULT_LIMITS } from "../../src/limits";
import { closeRooms, freshName, liveRoom, openRoom, status, until } from "../support/rooms";
import { dataDir, startServer, stopServers } from "../support/server";
import { clearStages, Stage } from "../support/stage";

const web: HttpServer[] = [];

afterEach(async () => {
  await closeRooms();
  await clearStages();
  await stopServers();
  for (const server of web.splice(0)) server.close();
});

describe("with the real server", () => {
  test("f2 k8 it resumes after the server restarted, and sends what was made meanwhile", async () => {
    const server = await startServer(["--data-dir", await dataDir()]);
    const room = freshName();
    const ann = await liveRoom(server.url, { room });
    const bob = await liveRoom(server.url, { room });
    await ann.put("cards", "1", { n: 0 });
    await until(bob, () => bob.rev === 1);
    await server.kill();
    await status(ann, "offline");
    const outcome = ann.add("cards", "1", "/n", 1);
    expect(ann.get("cards", "1")?.data.n).toBe(1);
    expect(ann.status).toMatchObject({ pending: 1, canWrite: true, reason: expect.stringMatching(/./) });
    const joined: boolean[] = [];
    ann.on("joined", ({ resumed }) => joined.push(resumed));
    await server.restart();
    expect(await outcome).toEqual({ status: "accepted", rev: 2 });
    expect(joined).toEqual([true]);
    await until(bob, () => bob.get("cards", "1")?.data.n === 1);
  });

  test("e2 a server that shuts down says when to come back", async () => {
    const server = await startServer(["--data-dir", await dataDir(), "--reconnect-spread", "1h"]);
    const room = await liveRoom(server.url);
    await server.stop();
    const { code, retryAt = 0, reason } = await status(room, "offline");
    expect([code, reason]).toEqual(["SHUTTING_DOWN", expect.stringMatching(/./)]);
    expect(retryAt - Date.now()).toBeLessThanOrEqual(600_100);
    await server.restart();
    room.reconnect();
    await status(room, "live");
  });

  test("k5 a gap loads the state anew and offers again what is pending", async () => {
    const server = await startServer(["--ring-ops", "16"]);
    const room = freshName();
    const ann = await liveRoom(server.url, { room });
    const bob = await liveRoom(server.url, { room });
    await ann.put("cards", "1", { n: 0, text: "" });
    await until(bob, () => bob.rev === 1);
    const gaps: string[] = [];
    bob.on("gap", ({ reason }) => gaps.push(reason));
    bob.disconnect();
    const mine = bob.add("cards", "1", "/n", 1000);
    await Promise.all(Array.from({ length: 50 }, () => ann.add("cards", "1", "/n", 1)));
    bob.reconnect();
    expect(await mine).toEqual({ status: "accepted", rev: 52 });
    await until(bob, () => bob.rev === 52);
    expect(gaps).toEqual(["behind"]);
    expect(bob.get("cards", "1")?.data.n).toBe(1050);
    expect(ann.pending).toEqual([]);
  });

  test("k5 on a gap updates may be given back", async () => {
    const server = await startServer(["--ring-ops", "16"]);
    const room = freshName();
    const ann = await liveRoom(server.url, { room });
    const bob = await liveRoom(server.url, { room, onGap: "discard" });
    await ann.put("cards", "1", { n: 0 });
    await until(bob, () => bob.rev === 1);
    bob.disconnect();
    const mine = bob.add("cards", "1", "/n", 1000);
    await Promise.all(Array.from({ length: 50 }, () => ann.add("cards", "1", "/n", 1)));
    bob.reconnect();
    expect(await mine).toEqual({ status: "discarded" });
    await until(bob, () => bob.rev === 51);
    expect(bob.get("cards", "1")?.data.n).toBe(50);
  });

  test("c5 a room that is opened elsewhere under the same key is closed for good", async () => {
    const server = await startServer();
    const options = { room: freshName(), clientKey: "a-key-of-16-bytes-or-more" };
    const first = await liveRoom(server.url, options);
    await liveRoom(server.url, options);
    const { code, reason } = await status(first, "closed");
    expect([code, reason]).toEqual(["SUPERSEDED", expect.stringContaining("elsewhere")]);
    expect(() => first.put("cards", "1", {})).toThrow(UpdateError);
    await expect(first.heartbeat()).rejects.toThrow("elsewhere");
  });

  test("c3 a token is asked for each connection; one that is refused is final", async () => {
    const config = join(await dataDir(), "revring.toml");
    await writeFile(
      config,
      `[[tokens]]\ntoken = "good"\nrooms = "*"\naccess = "write"\n\n[[tokens]]\ntoken = "other"\nrooms = "elsewhere"\naccess = "write"\n\n[[tokens]]\ntoken = "reader"\nrooms = "*"\naccess = "read"\n`,
    );
    const server = await startServer(["--config", config]);
    let asked = 0;
    const token = async () => {
      asked++;
      return "good";
    };
    const room = await liveRoom(server.url, { token });
    room.disconnect();
    room.reconnect();
    await status(room, "live");
    expect(asked).toBe(2);

    const refused = openRoom(server.url, { token: "bad" });
    expect(await status(refused, "closed")).toMatchObject({ code: "UNAUTHENTICATED", canWrite: false });
    await expect(refused.ready).rejects.toThrow();
    const forbidden = openRoom(server.url, { token: "other" });
    expect(await status(forbidden, "closed")).toMatchObject({ code: "FORBIDDEN" });

    const reader = await liveRoom(server.url, { token: "reader" });
    expect(await reader.put("cards", "1", {})).toMatchObject({ status: "rejected", code: "FORBIDDEN" });
    expect(reader.list("cards")).toEqual([]);
    expect(reader.status.state).toBe("live");
  });

  test("c10 a full room is tried again until there is a place", async () => {
    const server = await startServer(["--max-room-connections", "1"]);
    const room = freshName();
    const first = await liveRoom(server.url, { room });
    const second = openRoom(server.url, { room });
    const { code, retryAt = 0 } = await status(second, "offline");
    expect(code).toBe("ROOM_FULL");
    expect(retryAt).toBeGreaterThan(Date.now());
    await first.close();
    second.reconnect();
    await status(second, "live");
  });

  test("c10 what the server says over HTTP becomes the reason when no WebSocket opens", async () => {
    const server = await startServer(["--max-connections", "1"]);
    await liveRoom(server.url);
    const late = openRoom(server.url);
    await until(late, () => late.status.reason?.includes("connections") ?? false);
    expect(late.status.state).not.toBe("closed");
  });

  test("c8 close waits for answers and leaves the room for others, and nothing goes on", async () => {
    const server = await startServer();
    const room = freshName();
    const ann = await liveRoom(server.url, { room });
    const bob = await liveRoom(server.url, { room });
    bob.presence.set({ name: "Bob" });
    await until(ann, () => ann.presence.others.size === 1);
    const outcome = bob.put("cards", "1", {});
    await bob.close();
    expect(bob.status).toMatchObject({ state: "closed", reason: expect.stringContaining("left") });
    await until(ann, () => ann.presence.others.size === 0 && ann.rev === 1);
    expect(await outcome).toEqual({ status: "accepted", rev: 1 });
    await bob.close();
    bob.reconnect();
    expect(bob.status.state).toBe("closed");
  });

  test("what waits when the room is closed ends as not known", async () => {
    const server = await startServer();
    const room = await liveRoom(server.url);
    await room.ready;
    room.disconnect();
    const outcome = room.put("cards", "1", {});
    await room.close();
    expect(await outcome).toMatchObject({ status: "rejected", code: "OUTCOME_UNKNOWN" });
    await room.ready;
  });

  test("w1 the entry for JSON alone speaks JSON", async () => {
    const server = await startServer();
    const room = connectJson(server.httpUrl, { room: freshName(), WebSocket });
    const other = await liveRoom(server.httpUrl, { room: room.name });
    expect(await room.put("cards", "1", { n: 1 })).toEqual({ status: "accepted", rev: 1 });
    await until(other, () => other.rev === 1);
    expect(other.get("cards", "1")?.data).toEqual({ n: 1 });
    await room.close();
  });

  test("h1 h2 a heartbeat tells the head; silence is asked about before it is given up", async () => {
    const server = await startServer(["--heartbeat", "1s", "--silence", "4s"]);
    const room = await liveRoom(server.url);
    expect(await room.heartbeat()).toMatchObject({ rev: 0, checksum: room.checksum() });
    const sent: string[] = [];
    room.on("sent", ({ message }) => sent.push(message.type));
    await new Promise((resolve) => room.on("heartbeat", resolve));
    expect(sent).toEqual(["HEARTBEAT"]);
    expect(room.status.state).toBe("live");
  });
});

describe("with a stage", () => {
  const stageRoom = (stage: Stage, options: Parameters<typeof openRoom>[1] = {}) =>
    openRoom(stage.url, { codec: "json", ...options });

  test("w1 a server that speaks something else is told apart from a bad network", async () => {
    const stage = await Stage.set();
    class Newer extends WebSocket {
      constructor(url: string, offered: string) {
        super(url, offered);
        Object.defineProperty(this, "protocol", { value: "revring.v2.json" });
      }
    }
    const room = stageRoom(stage, { WebSocket: Newer });
    const { reason } = await status(room, "closed");
    expect(reason).toContain("revring.v1.json");
    expect(reason).toContain("revring.v2.json");
    expect(reason).toContain("reload");
  });

  test("e1 a JOIN that the server does not understand closes the room in words", async () => {
    const stage = await Stage.set();
    const room = stageRoom(stage);
    const peer = await stage.accept();
    await peer.receive();
    peer.send({ type: "ERROR", code: "UNKNOWN_TYPE", message: "no JOIN here", retryable: false });
    const { reason } = await status(room, "closed");
    expect(reason).toContain("no JOIN here");
    expect(reason).toContain("reload");
    await peer.ended;
  });

  test("a message of unknown type is passed over, what is no message ends the connection", async () => {
    const stage = await Stage.set();
    const room = stageRoom(stage);
    const peer = await stage.joined();
    await status(room, "live");
    peer.send({ type: "FROM_THE_FUTURE" });
    const heartbeat = room.heartbeat();
    expect(await peer.receive()).toEqual({ type: "HEARTBEAT" });
    peer.sendText("{");
    expect((await status(room, "offline")).reason).toContain("no message");
    await peer.ended;
    const next = await stage.joined();
    next.send({ type: "HEARTBEAT", rev: 0, checksum: "0000000000000000" });
    await heartbeat;
  });

  test("f2 a lost connection resumes from the position", async () => {
    const stage = await Stage.set();
    const room = stageRoom(stage);
    const peer = await stage.joined();
    await status(room, "live");
    peer.cut();
    const next = await stage.accept();
    expect(await next.join()).toMatchObject({ type: "JOIN", epoch: "epoch", lastRev: 0 });
    await status(room, "live");
  });

  test("h1 a heartbeat outlives the connection it was asked on", async () => {
    const stage = await Stage.set();
    const room = stageRoom(stage);
    const peer = await stage.joined();
    await status(room, "live");
    const heartbeat = room.heartbeat();
    await peer.receive();
    peer.cut();
    const next = await stage.joined();
    expect(await next.receive()).toEqual({ type: "HEARTBEAT" });
    next.send({ type: "HEARTBEAT", rev: 0, checksum: "0000000000000000" });
    expect(await heartbeat).toMatchObject({ rev: 0 });
  });

  test("a server that does not answer is given up in time", async () => {
    const stage = await Stage.set();
    const room = stageRoom(stage, { connectTimeoutMs: 30 });
    const peer = await stage.accept();
    await peer.receive();
    expect((await status(room, "offline")).reason).toContain("in time");
    await peer.ended;
  });

  test("attempts that end at once are further and further apart", async () => {
    const stage = await Stage.set();
    const room = stageRoom(stage, { backoff: { baseMs: 20, maxMs: 60_000 } });
    const pauses: number[] = [];
    room.onStatus(({ retryAt }) => retryAt !== undefined && pauses.push(retryAt - Date.now()));
    while (Math.max(0, ...pauses) < 100) {
      const peer = await stage.joined();
      peer.cut();
      await status(room, "offline");
    }
  });

  test("k4 a state that differs however often it is loaded is said, and tried anew", async () => {
    const stage = await Stage.set();
    const room = stageRoom(stage);
    const diverged = new Promise((resolve) => room.on("diverged", resolve));
    const peer = await stage.joined();
    await status(room, "live");
    for (let i = 0; i < 4; i++) {
      peer.send({ type: "HEARTBEAT", rev: 0, checksum: "1111111111111111" });
      if (i === 3) break;
      expect(await peer.receive()).toEqual({ type: "RESYNC" });
      const message = { epoch: "epoch", rev: 0, resumed: false, room: "room", clientId: "client" };
      peer.send({ type: "JOINED", ...message, heartbeatMs: 1000, limits: DEFAULT_LIMITS });
      peer.send({
        type: "SYNC.SNAPSHOT",
        rev: 0,
        epoch: "epoch",
        part: 0,
        last: true,
        state: {},
        checksum: "0000000000000000",
      });
    }
    await diverged;
    await peer.ended;
    await stage.joined();
    await status(room, "live");
  });

  test("e1 a token that cannot be had is tried again", async () => {
    const stage = await Stage.set();
    let asked = 0;
    const room = stageRoom(stage, {
      token: () => {
        if (++asked < 3) throw new Error("signed out");
        return "secret";
      },
    });
    const reasons: (string | undefined)[] = [];
    room.onStatus(({ reason }) => reasons.push(reason));
    const peer = await stage.accept();
    expect(await peer.join()).toMatchObject({ token: "secret" });
    expect(asked).toBe(3);
    expect(reasons).toContain("no token: signed out");
  });
});

describe("staleness", () => {
  test("a state without contact is stale: writes are queued, or refused", async () => {
    const server = await startServer(["--data-dir", await dataDir()]);
    const room = freshName();
    const queueing = await liveRoom(server.url, { room, staleAfterMs: 60 });
    const refusing = await liveRoom(server.url, { room, staleAfterMs: 60, whenStale: "refuse" });
    await server.kill();
    expect(await status(queueing, "stale")).toMatchObject({ canWrite: true });
    const outcome = queueing.put("cards", "1", {});
    expect(await status(refusing, "stale")).toMatchObject({ canWrite: false });
    expect(() => refusing.put("cards", "2", {})).toThrow(expect.objectContaining({ code: "STALE" }));
    await server.restart();
    expect((await outcome).status).toBe("accepted");
    await status(refusing, "live");
    expect((await refusing.put("cards", "2", {})).status).toBe("accepted");
  });
});

test("plain text alone is taken for a reason", async () => {
  const answers = createServer((_, response) => {
    response.setHeader("content-type", "text/html");
    response.end("<h1>Nothing here</h1>");
  });
  web.push(answers);
  await new Promise<void>((resolve) => answers.listen(0, "127.0.0.1", resolve));
  const { port } = answers.address() as AddressInfo;
  const asked = new Promise<void>((resolve) => {
    answers.on("request", () => resolve());
  });
  const room = openRoom(`http://127.0.0.1:${port}`);
  await asked;
  await status(room, "offline");
  expect(room.status.reason).not.toContain("Nothing");
});

test("what is wrong with the arguments is said at once", async () => {
  expect(() => connect("ws://localhost", { room: "no spaces", WebSocket })).toThrow("room");
  expect(() => connect("ws://localhost", { room: "r", clientKey: "short", WebSocket })).toThrow("clientKey");
  expect(() => connect("nowhere", { room: "r", WebSocket })).toThrow();
  expect(() => connect("ws://localhost", { room: "r" })).toThrow("WebSocket");
});
