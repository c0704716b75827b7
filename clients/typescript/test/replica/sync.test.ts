/** Joining, snapshots, deltas and what leads to `RESYNC` (rules C-6, C-7, F-3, F-7, K-4, P-3). */

import { describe, expect, test } from "vitest";
import { del, put, set } from "../../src/changes.js";
import { Replica } from "../../src/replica/index.js";
import type { Effect, Operation, Rev } from "../../src/types.js";
import { fail, ME, Peer, recordsOf } from "./peer.js";

const RESYNC = { type: "RESYNC" };

/** A live replica at rev 2 with two records. */
function live(): Peer {
  const peer = Peer.live([put("n", "a", {}), put("n", "b", {})]);
  peer.other(set("n", "a", "/x", 1));
  peer.deliver();
  peer.events();
  return peer;
}

/** Checks that the replica has what the room has. */
function expectSame({ replica, room }: Peer): void {
  expect(recordsOf(replica.confirmed)).toEqual(recordsOf(room.document));
  expect(recordsOf(replica.view)).toEqual(recordsOf(room.document));
  expect(replica.confirmedRev).toBe(room.rev);
}

describe("c6 joining", () => {
  test("without state gets a snapshot", () => {
    const peer = new Peer();
    peer.other(put("n", "a", {}), put("n", "b", {}));
    expect(peer.replica.status()).toBe("offline");
    peer.replica.connected();
    expect(peer.sentOne()).toEqual({ type: "JOIN", room: "r", clientKey: ME });
    expect(peer.replica.status()).toBe("joining");
    peer.joined(false);
    expect(peer.replica.status()).toBe("loading");
    peer.snapshot();
    expect(peer.replica.status()).toBe("live");
    expectSame(peer);
    const events = peer.events();
    expect(events).toMatchObject([
      { type: "joined", resumed: false },
      { type: "snapshot", rev: 1 },
      { type: "changed" },
    ]);
  });

  test("again says where to resume", () => {
    const peer = live();
    expect(peer.reconnect()).toMatchObject({ epoch: "e", lastRev: 2 });
    peer.other(del("n", "b"));
    peer.joined(true);
    expect(peer.replica.lag()).toBe(1);
    peer.deliver();
    expectSame(peer);
    expect(peer.replica.lag()).toBe(0);
  });

  test("resumed from nowhere is not believed", () => {
    const peer = new Peer();
    peer.replica.connected();
    peer.sentOne();
    peer.joined(true);
    expect(peer.sent()).toEqual([RESYNC]);
    const other = live();
    other.reconnect();
    other.newEpoch();
    other.joined(true);
    expect(other.sent()).toEqual([RESYNC]);
  });

  test("resumed behind the own revision is not believed either", () => {
    const peer = live();
    peer.reconnect();
    peer.room.rev = 1;
    peer.joined(true);
    expect(peer.sent()).toEqual([RESYNC]);
  });

  test("n2 keeps a key made by the server", () => {
    const peer = live();
    peer.replica = new Replica({ room: "r" });
    peer.replica.token = "t";
    expect(peer.replica.clientId).toBeUndefined();
    peer.replica.connected();
    expect(peer.sentOne()).toEqual({ type: "JOIN", room: "r", token: "t" });
    peer.joined(false, { clientKey: "the-key-the-server-made" });
    peer.snapshot();
    expect(peer.replica.clientId).toBe("me");
    peer.replica.token = "u";
    expect(peer.reconnect()).toMatchObject({ clientKey: "the-key-the-server-made", token: "u" });
  });

  test("c2 sends nothing before JOINED and takes nothing unasked", () => {
    const peer = live();
    peer.joined(false);
    expect(peer.replica.status()).toBe("live");
    peer.snapshot();
    peer.reconnect();
    peer.make("1", set("n", "a", "/x", 2));
    peer.replica.setPresence({});
    peer.replica.heartbeat();
    peer.replica.leave();
    expect(peer.sent()).toEqual([]);
    peer.joined(true);
    const update = { type: "UPDATE", clientReqId: "1", changes: [set("n", "a", "/x", 2)] };
    expect(peer.sent()).toEqual([
      { type: "PRESENCE", data: {} },
      { type: "HEARTBEAT" },
      update,
      { type: "LEAVE" },
    ]);
    expect(peer.replica.status()).toBe("offline");
  });
});

describe("f7 a snapshot", () => {
  test("begins anew with a part 0", () => {
    const peer = live();
    peer.replica.resync();
    expect(peer.sentOne()).toEqual(RESYNC);
    peer.joined(false);
    peer.give(peer.parts()[0] ?? fail());
    peer.other(del("n", "a"));
    peer.snapshot();
    expectSame(peer);
  });

  test.each<[string, (peer: Peer) => void]>([
    ["without its beginning", (peer) => peer.snapshot(peer.parts().slice(1))],
    [
      "of another rev",
      (peer) => peer.snapshot(peer.parts().map((part) => (part.part ? { ...part, rev: 9 } : part))),
    ],
    [
      "of another epoch",
      (peer) => peer.snapshot(peer.parts().map((part) => ({ ...part, epoch: `e${part.part}` }))),
    ],
    ["without a checksum", (peer) => peer.snapshot(peer.parts().map(({ checksum: _, ...part }) => part))],
    [
      "with a delta among its parts",
      (peer) => {
        peer.give(peer.parts()[0] ?? fail());
        peer.other(del("n", "a"));
        peer.deliver(2);
      },
    ],
  ])("%s leads to a new one", (_, breakIt) => {
    const peer = live();
    const before = recordsOf(peer.replica.confirmed);
    peer.replica.resync();
    peer.sentOne();
    peer.joined(false);
    breakIt(peer);
    expect(peer.sentOne()).toEqual(RESYNC);
    expect(recordsOf(peer.replica.confirmed)).toEqual(before);
    peer.joined(false);
    peer.snapshot();
    expectSame(peer);
  });
});

describe("k4", () => {
  test("a delta from elsewhere leads to RESYNC from the confirmed position", () => {
    const peer = live();
    peer.other(set("n", "a", "/x", 2));
    peer.other(set("n", "a", "/x", 3));
    peer.deliver(3);
    expect(peer.sent()).toEqual([{ type: "RESYNC", epoch: "e", lastRev: 2 }]);
    peer.joined(true);
    peer.deliver();
    expectSame(peer);
  });

  const good: Effect = { op: "merge", collection: "n", id: "a", version: 3, data: {} };
  const bad: Effect = { op: "merge", collection: "n", id: "z", version: 3, data: {} };
  const operation = (rev: Rev, effect: Effect): Operation => {
    return { rev, clientId: "x", clientReqId: "q", at: 1, changes: [effect] };
  };
  test.each<[string, Operation[]]>([
    ["does not apply", [operation(3, good), operation(4, bad)]],
    ["is missing", [operation(4, good)]],
    ["comes twice", [operation(3, good), operation(3, good)]],
    ["is not there", []],
  ])("an operation that %s leads to a snapshot", (_, ops) => {
    const peer = live();
    const before = recordsOf(peer.replica.confirmed);
    peer.give({ type: "SYNC.DELTAS", fromRev: 2, toRev: 2 + ops.length, ops });
    // All of a delta or nothing.
    expect(recordsOf(peer.replica.confirmed)).toEqual(before);
    expect(peer.sent()).toEqual([RESYNC]);
    // Nor does a new connection resume from what is not to be trusted.
    expect(peer.reconnect()).not.toHaveProperty("lastRev");
  });

  test("another checksum at the same rev leads to a snapshot", () => {
    const peer = live();
    peer.heartbeat(2, peer.room.document.checksum());
    peer.heartbeat(5);
    expect(peer.sent()).toEqual([]);
    expect(peer.events().at(-1)).toEqual({ type: "heartbeat", head: 5, lag: 3 });
    peer.heartbeat(2);
    expect(peer.sent()).toEqual([RESYNC]);
  });

  test("it gives up in the end", () => {
    const peer = live();
    peer.replica.resync();
    for (let n = 0; n < 4; n++) {
      expect(peer.sentOne()).toEqual(RESYNC);
      peer.joined(false);
      peer.snapshot(peer.parts().map((part) => ({ ...part, checksum: "0".repeat(16) })));
    }
    expect(peer.replica.status()).toBe("diverged");
    expect(peer.events().at(-1)).toEqual({ type: "diverged" });
    peer.make("1", set("n", "a", "/x", 5));
    peer.snapshot();
    expect(peer.sent()).toEqual([]);
    // Until it is asked to try once more.
    peer.replica.resync();
    expect(peer.sentOne()).toEqual(RESYNC);
    peer.joined(false);
    peer.snapshot();
    expect(peer.updateIds()).toEqual(["1"]);
  });
});

test("c7 what comes before the answer to RESYNC does not count", () => {
  const peer = live();
  peer.other(set("n", "a", "/x", 2));
  peer.replica.resync();
  peer.replica.resync();
  peer.deliver();
  // One is under way at a time.
  expect(peer.sent()).toEqual([RESYNC]);
  peer.deliver();
  peer.gap("behind");
  peer.snapshot();
  peer.replica.resync();
  peer.heartbeat(2);
  expect(peer.replica.confirmedRev).toBe(2);
  expect(peer.sent()).toEqual([]);
  peer.joined(false);
  peer.snapshot();
  expectSame(peer);
});

test("p1 presence is said again after a reconnect", () => {
  const peer = live();
  peer.replica.setPresence({ x: 1 });
  peer.replica.setPresence({ x: 2 });
  expect(peer.sent()).toEqual([{ type: "PRESENCE", data: { x: 2 } }]);
  peer.replica.setPresence({ x: 2 });
  expect(peer.sent()).toEqual([]);
  peer.reconnect();
  peer.joined(true);
  expect(peer.sent()).toEqual([{ type: "PRESENCE", data: { x: 2 } }]);
  peer.replica.setPresence(null);
  expect(peer.sent()).toEqual([{ type: "PRESENCE", data: null }]);
  peer.reconnect();
  peer.joined(true);
  expect(peer.sent()).toEqual([]);
});

test("p3 a full presence replaces what was known", () => {
  const peer = live();
  const told = () => peer.events().at(-1);
  peer.give({ type: "PRESENCE", clients: { a: {}, b: {} }, full: true });
  expect(told()).toEqual({ type: "presence", clients: new Set(["a", "b"]) });
  peer.give({ type: "PRESENCE", clients: { a: null, b: {}, c: {} } });
  expect(told()).toEqual({ type: "presence", clients: new Set(["a", "c"]) });
  peer.give({ type: "PRESENCE", clients: { c: {} }, full: true });
  expect(told()).toEqual({ type: "presence", clients: new Set(["b"]) });
  expect([...peer.replica.presence]).toEqual([["c", {}]]);
});

test("e1 errors are passed on", () => {
  const peer = live();
  const error = { code: "SUPERSEDED", message: "elsewhere", retryable: false } as const;
  peer.give({ type: "ERROR", ...error });
  expect(peer.events()).toEqual([{ type: "error", ...error }]);
});
