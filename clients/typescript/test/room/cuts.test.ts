import { afterEach, describe, expect, test } from "vitest";
import type { Outcome, Room } from "../../src/index";
import { dice, Network } from "../support/network";
import { closeRooms, freshName, liveRoom, openRoom, until } from "../support/rooms";
import { startServer, stopServers } from "../support/server";

/** Updates of each client, and clients, over the broken network. */
const UPDATES = 150;
const CLIENTS = 3;

const networks: Network[] = [];

afterEach(async () => {
  await closeRooms();
  for (const network of networks.splice(0)) network.close();
  await stopServers();
});

interface Setting {
  readonly codec: "json" | "msgpack";
  readonly seed: number;
  readonly args: readonly string[];
}

/** `REVRING_SEEDS=40 npx vitest run test/room/cuts` takes a longer look. */
const MORE = Array.from({ length: Number(process.env.REVRING_SEEDS ?? 0) }, (_, i): Setting => {
  const args = i % 4 < 2 ? ["--ring-ops", "16"] : [];
  return { codec: i % 2 ? "json" : "msgpack", seed: 100 + i, args };
});
const SETTINGS: Setting[] = [
  { codec: "json", seed: 1, args: [] },
  { codec: "msgpack", seed: 2, args: [] },
  { codec: "json", seed: 3, args: ["--ring-ops", "16"] },
  { codec: "msgpack", seed: 4, args: ["--ring-ops", "16"] },
  ...MORE,
];

async function scene({ codec, seed, args }: Setting) {
  const server = await startServer(args);
  const network = await Network.start(server.url, seed, 4000);
  networks.push(network);
  const room = freshName();
  const witness = await liveRoom(server.url, { room });
  const clients = Array.from({ length: CLIENTS }, () =>
    openRoom(network.url, { room, codec, backoff: { baseMs: 1, maxMs: 8 } }),
  );
  return { network, witness, clients };
}

/** All see the same, and nothing is left to be sent. */
async function agree(witness: Room, clients: readonly Room[]): Promise<void> {
  const { rev } = await witness.heartbeat();
  for (const room of [witness, ...clients]) {
    await until(room, () => room.rev === rev && room.pending.length === 0);
    expect(room.checksum()).toBe(witness.checksum());
  }
}

describe.each(SETTINGS)("over a network that breaks, in $codec, seed $seed, $args", (setting) => {
  test("u2 k8 each update counts once", async () => {
    const { network, witness, clients } = await scene(setting);
    const start = ["shared", "0", "1", "2"].map(
      (id) => ({ op: "put", collection: "counters", id, data: { n: 0 } }) as const,
    );
    await witness.update(start);
    const work = async (room: Room, name: number) => {
      const random = dice(setting.seed + name);
      await until(room, () => room.rev >= 1);
      const outcomes: Outcome[] = [];
      for (let left = UPDATES; left > 0; ) {
        const burst = Math.min(left, 1 + random(20));
        left -= burst;
        const made = Array.from({ length: burst }, () =>
          room.transaction((tx) => {
            tx.add("counters", "shared", "/n", 1);
            tx.add("counters", String(name), "/n", 1);
          }),
        );
        outcomes.push(...(await Promise.all(made)));
      }
      return outcomes;
    };
    const outcomes = (await Promise.all(clients.map(work))).flat();
    expect(network.cuts).toBeGreaterThan(10);
    network.calmDown();
    const revs = outcomes.map((outcome) => (outcome.status === "accepted" ? outcome.rev : outcome));
    expect(new Set(revs).size).toBe(UPDATES * CLIENTS);
    expect(Math.max(...revs.map(Number))).toBe(UPDATES * CLIENTS + 1);
    await agree(witness, clients);
    const counts = witness.list("counters").map(({ id, data }) => [id, data.n]);
    expect(counts).toEqual([
      ["0", UPDATES],
      ["1", UPDATES],
      ["2", UPDATES],
      ["shared", UPDATES * CLIENTS],
    ]);
  });

  test("s8 k6 each character is typed once", async () => {
    const { network, witness, clients } = await scene(setting);
    await witness.put("notes", "1", { text: "" });
    const work = async (room: Room, name: number) => {
      const random = dice(setting.seed + name);
      await until(room, () => room.rev >= 1);
      const typed: [string, Outcome][] = [];
      const text = room.text("notes", "1", "/text");
      for (let n = 0; n < UPDATES; ) {
        const burst: Promise<[string, Outcome]>[] = [];
        for (const end = Math.min(UPDATES, n + 1 + random(8)); n < end; n++) {
          const character = String.fromCodePoint(0x1f300 + name * UPDATES + n);
          const at = random((text.value ?? "").length + 1);
          burst.push(text.insert(at, character).then((outcome) => [character, outcome]));
        }
        typed.push(...(await Promise.all(burst)));
      }
      return typed;
    };
    const typed = (await Promise.all(clients.map(work))).flat();
    expect(network.cuts).toBeGreaterThan(5);
    network.calmDown();
    await agree(witness, clients);
    const text = [...(witness.text("notes", "1", "/text").value ?? "")];
    expect(text.length).toBeGreaterThan(UPDATES);
    for (const [character, outcome] of typed) {
      const times = text.filter((other) => other === character).length;
      const unknown = outcome.status === "rejected" && outcome.code === "OUTCOME_UNKNOWN";
      const allowed = outcome.status === "accepted" ? [1] : unknown ? [0, 1] : [0];
      expect(allowed).toContain(times);
    }
  });
});
