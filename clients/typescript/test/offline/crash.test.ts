import { afterAll, expect, test } from "vitest";
import type { Room } from "../../src/index.js";
import { fileStore } from "../../src/node.js";
import { closeRooms, freshName, liveRoom, until } from "../support/rooms.js";
import { startServer, stopServers } from "../support/server.js";
import { Child, program, temporary } from "./child.js";

const folders = temporary();
afterAll(async () => {
  await closeRooms();
  await stopServers();
  await folders.clear();
});

/** Reads what `child` says until it has said `lines` lines after it was ready, then ends it. */
async function live(child: Child, lines: number, said: Map<string, Set<string>>): Promise<void> {
  let left = Number.POSITIVE_INFINITY;
  for (let line = await child.line(); line !== undefined; line = await child.line()) {
    const [word = "", id = ""] = line.split(" ");
    if (word === "closed") throw new Error(line);
    if (word === "ready") left = lines;
    else said.get(word)?.add(id);
    if (--left === 0) void child.kill();
  }
}

const ids = (room: Room) => new Set(room.list("made").map((record) => record.id));

test("u2 a process that is ended at any moment: what was stored or accepted counts, and counts once", async () => {
  const server = await startServer();
  const path = await program("crash-child.ts", await folders.make());
  const name = freshName();
  const root = await folders.make();
  const witness = await liveRoom(server.url, { room: name });
  await witness.put("c", "n", { n: 0 });
  const said = new Map(["stored", "accepted", "rejected"].map((word) => [word, new Set<string>()]));
  for (let life = 0; life < 8; life++) {
    await live(new Child(path, server.url, name, root, String(life)), 3 + ((life * 61) % 300), said);
  }
  const last = await liveRoom(server.url, { room: name, store: fileStore(root) });
  await until(last, () => last.status.pending === 0);
  await until(witness, () => witness.rev === last.rev);
  const there = ids(witness);
  expect(witness.get("c", "n")?.data).toEqual({ n: there.size });
  expect([...(said.get("rejected") ?? [])]).toEqual([]);
  const promised = [...(said.get("stored") ?? []), ...(said.get("accepted") ?? [])];
  expect(promised.length).toBeGreaterThan(100);
  expect(promised.filter((id) => !there.has(id))).toEqual([]);
});
