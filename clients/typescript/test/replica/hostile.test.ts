/** A server that says anything at any time: a replica never throws, stays consistent, and ends each update at most once. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { add, del, merge, put, set, splice, unset } from "../../src/changes.js";
import { Document } from "../../src/document.js";
import { DEFAULT_LIMITS } from "../../src/limits.js";
import { UpdateError } from "../../src/replica/index.js";
import type { Change, Code, Effect, GapReason, Operation, ServerMessage } from "../../src/types.js";
import { check } from "../support/check.js";
import { partsOf } from "../support/miniroom.js";
import { Peer } from "./peer.js";

const LARGEST = Number.MAX_SAFE_INTEGER;
const CODES: Code[] = [
  "CONFLICT",
  "INVALID",
  "BASE_TOO_OLD",
  "OUTCOME_UNKNOWN",
  "RATE_LIMITED",
  "UNAVAILABLE",
];

type Act =
  | { readonly do: "give"; readonly message: ServerMessage }
  | { readonly do: "update"; readonly changes: Change[] }
  /** `load`: an honest server, a snapshot of the room; `crash`: the page goes on from what is stored at this moment. */
  | { readonly do: "send" | "connect" | "disconnect" | "resync" | "load" | "crash" };

const revs = fc.oneof(
  { weight: 9, arbitrary: fc.nat(6) },
  { weight: 1, arbitrary: fc.constantFrom(LARGEST, 2 ** 40) },
);
const ids = fc.constantFrom("u0", "u1", "u2", "u3", "zz");
const epochs = fc.constantFrom("e", "f");
const positions = fc.oneof(
  { weight: 9, arbitrary: fc.nat(3) },
  { weight: 1, arbitrary: fc.constantFrom(LARGEST, 2 ** 32) },
);
const records = fc.constantFrom("a", "b");

const changes: fc.Arbitrary<Change> = fc.oneof(
  { weight: 2, arbitrary: records.map((id) => put("n", id, { t: "abc", l: [1, 2], n: 1 })) },
  { weight: 1, arbitrary: records.map((id) => del("n", id)) },
  { weight: 1, arbitrary: records.map((id) => merge("n", id, { t: null, n: 2 })) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(records, fc.constantFrom("/t", "/l", "/n"))
      .map(([id, path]) => set("n", id, path, "x")),
  },
  { weight: 1, arbitrary: records.map((id) => unset("n", id, "/l")) },
  { weight: 1, arbitrary: records.map((id) => add("n", id, "/n", 1)) },
  {
    weight: 4,
    arbitrary: fc
      .tuple(records, fc.constantFrom("/t", "/l"), positions, positions, fc.constantFrom("", "xy", [], [0]))
      .map(([id, path, at, remove, insert]) => splice("n", id, path, at, remove, insert)),
  },
);

const effects: fc.Arbitrary<Effect> = fc.tuple(changes, revs).map(([{ ifVersion: _, ...change }, version]) =>
  // There is no such effect as `add`.
  change.op === "add" ? { ...change, op: "unset", version } : { ...change, version },
);

const operations: fc.Arbitrary<Operation> = fc.record({
  rev: revs,
  clientId: fc.constantFrom("me", "other"),
  clientReqId: ids,
  at: fc.nat(2 ** 30),
  changes: fc.array(effects, { maxLength: 2 }),
});

/** Deltas that mostly are numbered well. */
const deltas = fc
  .tuple(revs, fc.array(operations, { maxLength: 3 }), fc.nat(9))
  .map(([fromRev, ops, luck]): ServerMessage => {
    const numbered = luck < 2 ? ops : ops.map((operation, n) => ({ ...operation, rev: fromRev + n + 1 }));
    return { type: "SYNC.DELTAS", fromRev, toRev: numbered.at(-1)?.rev ?? fromRev, ops: numbered };
  });

const parts = fc
  .tuple(revs, fc.nat(1), fc.boolean(), revs, epochs, fc.boolean())
  .map(([rev, part, last, version, epoch, right]): ServerMessage => {
    const document = new Document();
    const data = { t: "abc", l: [] };
    document.put("n\na", { collection: "n", id: "a", version, createdAt: 1, updatedAt: version, data });
    const [whole] = partsOf(epoch, rev, document);
    if (!whole) throw new Error("there is one part");
    return { ...whole, part, last, checksum: right ? document.checksum() : "0" };
  });

const acked = fc.array(fc.record({ clientReqId: ids, rev: revs }), { maxLength: 2 });

const messages: fc.Arbitrary<ServerMessage> = fc.oneof(
  { weight: 8, arbitrary: deltas },
  { weight: 3, arbitrary: parts },
  {
    weight: 3,
    arbitrary: fc.tuple(ids, fc.constantFrom(...CODES), fc.boolean()).map(
      ([clientReqId, code, retryable]): ServerMessage => ({
        type: "REJECT",
        clientReqId,
        code,
        message: "no",
        retryable,
      }),
    ),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(revs, fc.constantFrom<GapReason[]>("behind", "ahead", "epoch"), acked)
      .map(([rev, reason, acked]): ServerMessage => {
        const at = { expectedRev: rev, serverRev: rev, bufferFirstRev: rev, resumeFrom: rev };
        return { type: "REVISION_GAP", ...at, reason, acked };
      }),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(revs, fc.boolean(), epochs).map(([rev, resumed, epoch]): ServerMessage => {
      const who = { clientId: "me", room: "r", limits: DEFAULT_LIMITS, heartbeatMs: 0 };
      return { type: "JOINED", ...who, rev, resumed, epoch };
    }),
  },
  {
    weight: 3,
    arbitrary: fc
      .tuple(ids, revs)
      .map(([clientReqId, rev]): ServerMessage => ({ type: "ACK", clientReqId, rev })),
  },
  {
    weight: 1,
    arbitrary: revs.map((rev): ServerMessage => ({ type: "HEARTBEAT", rev, checksum: "0".repeat(16) })),
  },
);

const acts: fc.Arbitrary<Act> = fc.oneof(
  { weight: 12, arbitrary: messages.map((message) => ({ do: "give" as const, message })) },
  {
    weight: 8,
    arbitrary: fc
      .array(changes, { minLength: 1, maxLength: 2 })
      .map((changes) => ({ do: "update" as const, changes })),
  },
  { weight: 5, arbitrary: fc.constant({ do: "send" as const }) },
  { weight: 4, arbitrary: fc.constant({ do: "load" as const }) },
  {
    weight: 4,
    arbitrary: fc.constantFrom("connect", "disconnect", "resync", "crash").map((what) => ({ do: what })),
  },
);

function act(peer: Peer, act: Act, id: string): boolean {
  const { replica } = peer;
  switch (act.do) {
    case "give":
      peer.give(act.message);
      return false;
    case "update":
      return takes(peer, id, act.changes);
    case "send":
      peer.sent();
      return false;
    case "connect":
      replica.connected();
      return false;
    case "disconnect":
      replica.disconnected();
      return false;
    case "resync":
      replica.resync();
      return false;
    case "crash":
      peer.crash();
      return false;
    case "load":
      replica.resync();
      peer.sent();
      peer.joined(false);
      peer.snapshot();
      return false;
  }
}

function takes(peer: Peer, id: string, changes: Change[]): boolean {
  try {
    peer.make(id, ...changes);
    return true;
  } catch (error) {
    if (error instanceof UpdateError) return false;
    throw error;
  }
}

test("k10 no server breaks a replica", () => {
  const property = fc.property(
    fc.array(acts, { maxLength: 60, size: "max" }),
    fc.boolean(),
    (happens, discards) => {
      const records = [put("n", "a", { t: "abc", l: [], n: 0 }), put("n", "b", { t: "" })];
      const peer = Peer.live(records, discards ? "discard" : "resubmit");
      const ended = new Set<string>();
      let made = 0;
      for (const next of happens) {
        peer.now += 100;
        const events = peer.events();
        if (act(peer, next, `u${made}`)) made++;
        check(peer.replica);
        for (const event of [...events, ...peer.events()]) {
          if (event.type !== "resolved") continue;
          expect(ended).not.toContain(event.id);
          ended.add(event.id);
        }
      }
      // No update is lost.
      expect(peer.replica.pending().length + ended.size).toBeGreaterThanOrEqual(made);
    },
  );
  fc.assert(property, { numRuns: Number(process.env.FC_RUNS ?? 500) });
}, 600_000);
