/** Gaps, snapshots in place of deltas, and new epochs (rules K-5, K-6 and K-8). */

import { describe, expect, test } from "vitest";
import { add, del, put, set, splice } from "../../src/changes.js";
import type { Change, Rev } from "../../src/types.js";
import { fail, Peer } from "./peer.js";

const typed = (at: number, text: string): Change => splice("n", "a", "/t", at, 0, text);

/** The client falls behind: gap and snapshot on the live connection. */
function fallBehind(peer: Peer, acked: { [id: string]: Rev } = {}): void {
  peer.gap("behind", acked);
  peer.snapshot();
}

describe("k5 after a gap", () => {
  test("pending updates are offered again under their ids", () => {
    const peer = Peer.live([put("n", "a", { x: 0 })]);
    for (const n of [1, 2, 3]) peer.make(`${n}`, add("n", "a", "/x", n));
    const rev = peer.accept(peer.updates()[0] ?? fail());
    peer.other(add("n", "a", "/x", 100));
    peer.gap("behind", { 1: rev });
    expect(peer.replica.status()).toBe("loading");
    // The view stands until the snapshot is there.
    expect(peer.data("a")).toEqual({ x: 6 });
    peer.make("4", add("n", "a", "/x", 4));
    peer.snapshot();
    const events = peer.events();
    expect(events).toContainEqual({ type: "gap", reason: "behind" });
    expect(events).toContainEqual({ type: "snapshot", rev: 3 });
    expect(peer.data("a")).toEqual({ x: 110 });
    expect(peer.replica.pending()).toEqual(["2", "3", "4"]);
    const again = peer.updates();
    expect(again.map((update) => update.firstRev)).toEqual([1, 1, undefined]);
    for (const update of again) peer.accept(update);
    peer.deliver();
    expect(peer.data("a")).toEqual({ x: 110 });
  });

  test("what acked names is accepted, and the snapshot has it", () => {
    const peer = Peer.live([put("n", "a", { x: 0 })]);
    peer.make("1", add("n", "a", "/x", 1));
    const rev = peer.accept(peer.update());
    peer.gap("behind", { 1: rev, "long-gone": 1 });
    expect(peer.ended()).toEqual([["1", 2]]);
    peer.snapshot();
    expect([peer.data("a"), peer.replica.pending(), peer.updates()]).toEqual([{ x: 1 }, [], []]);
  });

  test("what was accepted after the snapshot stays in the view", () => {
    const peer = Peer.live([put("n", "a", { x: 0 })]);
    peer.make("1", add("n", "a", "/x", 1));
    const update = peer.update();
    const parts = peer.parts();
    // The snapshot is an older one, from which the ring leads on.
    peer.gap("behind", { 1: peer.accept(update) });
    peer.snapshot(parts);
    expect([peer.data("a"), peer.replica.pending()]).toEqual([{ x: 1 }, ["1"]]);
    expect(peer.updates()).toEqual([]);
    peer.deliver();
    expect([peer.data("a"), peer.replica.pending()]).toEqual([{ x: 1 }, []]);
  });

  test("they are given back if the application wants that", () => {
    const peer = Peer.live([put("n", "a", { x: 0 })], "discard");
    peer.make("1", add("n", "a", "/x", 1));
    peer.make("2", add("n", "a", "/x", 2));
    const rev = peer.accept(peer.updates()[0] ?? fail());
    fallBehind(peer, { 1: rev });
    expect(peer.ended()).toEqual([
      ["1", 2],
      ["2", "discarded"],
    ]);
    expect([peer.data("a"), peer.updates()]).toEqual([{ x: 1 }, []]);
  });

  test("an ordinary reconnect gives nothing back", () => {
    const peer = Peer.live([put("n", "a", { x: 0 })], "discard");
    peer.make("1", add("n", "a", "/x", 1));
    peer.updates();
    peer.reconnect();
    peer.joined(true);
    expect(peer.updateIds()).toEqual(["1"]);
  });
});

describe("k6 after a gap a splice", () => {
  test("is offered again on an unchanged value", () => {
    const peer = Peer.withText("abc");
    peer.make("1", typed(3, "!"));
    peer.update();
    peer.make("2", typed(4, "?"));
    peer.other(set("n", "a", "/n", 1), put("n", "z", {}));
    fallBehind(peer);
    expect([peer.text(), peer.ended()]).toEqual(["abc!?", []]);
    const again = peer.update();
    expect(again).toMatchObject({ baseRev: 2, firstRev: 1 });
    // The copy sent before the gap is refused; the one sent after it counts.
    peer.reject("1", "BASE_TOO_OLD");
    expect(peer.ended()).toEqual([]);
    peer.accept(again);
    peer.deliver();
    expect([peer.ended(), peer.text()]).toEqual([[["1", 3]], "abc!?"]);
  });

  test("is offered again though its old copy is refused before the snapshot", () => {
    const peer = Peer.withText("abc");
    peer.make("1", typed(3, "!"));
    peer.update();
    peer.other(set("n", "a", "/n", 1));
    peer.gap("behind");
    peer.reject("1", "BASE_TOO_OLD");
    peer.snapshot();
    expect([peer.ended(), peer.updateIds()]).toEqual([[], ["1"]]);
  });

  test("ends on a changed value", () => {
    const peer = Peer.withText("abc");
    peer.make("1", typed(3, "!"));
    peer.update();
    peer.make("2", typed(4, "?"));
    peer.make("3", set("n", "a", "/n", 3));
    peer.other(typed(0, "> "));
    fallBehind(peer);
    expect(peer.ended()).toEqual([
      ["1", "CONFLICT"],
      ["2", "CONFLICT"],
    ]);
    expect([peer.text(), peer.updateIds()]).toEqual(["> abc", ["3"]]);
  });

  test.each(["CONFLICT", "BASE_TOO_OLD"] as const)(
    "waits for the word on its old copy (%s) if its value is replaced then",
    (code) => {
      const peer = Peer.withText("abc");
      peer.make("1", typed(3, "!"));
      peer.update();
      fallBehind(peer);
      peer.other(set("n", "a", "/t", "new"));
      peer.deliver();
      expect([peer.text(), peer.ended(), peer.updates()]).toEqual(["new", [], []]);
      peer.reject("1", code);
      expect(peer.ended()).toEqual([["1", code]]);
    },
  );

  test("does not show though it is accepted, until the value is what it was made on", () => {
    const peer = Peer.withText("abc");
    peer.make("1", typed(3, "!"));
    const update = peer.update();
    peer.other(typed(0, "> "));
    const parts = peer.parts();
    const rev = peer.accept(update);
    peer.gap("behind", { 1: rev });
    peer.snapshot(parts);
    expect([peer.text(), peer.replica.pending()]).toEqual(["> abc", ["1"]]);
    peer.deliver();
    expect([peer.text(), peer.replica.pending()]).toEqual(["> abc!", []]);
  });

  test("ends on a value that an update changes which shows again", () => {
    const peer = Peer.withText("abc");
    peer.make("1", set("n", "a", "/t", "mine"));
    peer.update();
    peer.other(del("n", "a"));
    peer.deliver();
    peer.other(put("n", "a", { t: "abc" }));
    peer.deliver();
    peer.make("2", typed(3, "!"));
    expect(peer.text()).toBe("abc!");
    fallBehind(peer);
    expect([peer.text(), peer.ended()]).toEqual(["mine", [["2", "CONFLICT"]]]);
  });

  test("counts what was accepted to what it was made on", () => {
    const peer = Peer.withText("abc");
    peer.make("1", typed(3, "!"));
    const update = peer.update();
    peer.make("2", typed(4, "?"));
    const rev = peer.accept(update);
    fallBehind(peer, { 1: rev });
    expect([peer.ended(), peer.text()]).toEqual([[["1", 2]], "abc!?"]);
    expect(peer.update().baseRev).toBe(rev);
  });
});

describe("k6 after a snapshot without acked", () => {
  test("the server is asked what became of a splice", () => {
    const peer = Peer.withText("abc");
    peer.make("1", typed(3, "!"));
    const update = peer.update();
    peer.replica.resync();
    expect(peer.sentOne()).toEqual({ type: "RESYNC" });
    const rev = peer.accept(update);
    peer.joined(false);
    peer.snapshot();
    // The value is another: by this very splice or not, only the server knows.
    expect([peer.text(), peer.ended()]).toEqual(["abc!", []]);
    expect(peer.update()).toEqual({ ...update, firstRev: 1 });
    peer.ack("1", rev);
    expect([peer.ended(), peer.text(), peer.replica.pending()]).toEqual([[["1", 2]], "abc!", []]);
  });

  test("the outcome of a splice is unknown in a new epoch", () => {
    const peer = Peer.withText("abc");
    peer.make("1", typed(3, "!"));
    peer.update();
    peer.replica.resync();
    peer.other(typed(0, "> "));
    peer.newEpoch();
    expect(peer.reconnect()).not.toHaveProperty("lastRev");
    peer.joined(false);
    peer.snapshot();
    expect([peer.ended(), peer.text()]).toEqual([[["1", "OUTCOME_UNKNOWN"]], "> abc"]);
  });

  test("a splice that is asked for is asked for again over the next connection, whatever becomes of its value", () => {
    const peer = Peer.withText("abc");
    peer.make("1", typed(3, "!"));
    const update = peer.update();
    peer.replica.resync();
    peer.sent();
    peer.other(typed(0, "> "));
    peer.joined(false);
    peer.snapshot();
    expect(peer.update()).toEqual({ ...update, firstRev: 1 });
    peer.other(set("n", "a", "/t", "new"));
    peer.deliver();
    peer.reconnect();
    expect(peer.ended()).toEqual([]);
    peer.joined(true);
    expect(peer.update()).toEqual({ ...update, firstRev: 1 });
  });

  test("a gap that accounts for everything says what became of a splice", () => {
    const peer = Peer.withText("abc");
    peer.make("1", typed(3, "!"));
    peer.update();
    peer.replica.resync();
    peer.sent();
    peer.joined(false);
    peer.snapshot();
    // Nothing came of it; the room goes on elsewhere.
    peer.newEpoch();
    peer.other(typed(0, "> "));
    peer.reconnect();
    peer.joined(false);
    peer.gap("epoch");
    peer.snapshot();
    expect([peer.ended(), peer.text()]).toEqual([[["1", "CONFLICT"]], "> abc"]);
  });

  test("k7 what may be accepted is asked for before it ends", () => {
    const peer = Peer.withText("abc");
    const old = peer.parts();
    peer.make("1", typed(3, "!"));
    const update = peer.update();
    peer.replica.resync();
    peer.sent();
    peer.other(set("n", "a", "/t", "new"));
    peer.joined(false);
    // The snapshot is an older one; until the replica has caught up nothing is sent.
    peer.snapshot(old);
    expect([peer.text(), peer.updates()]).toEqual(["abc!", []]);
    peer.deliver();
    expect([peer.text(), peer.ended()]).toEqual(["new", []]);
    expect(peer.update()).toMatchObject({ changes: update.changes, baseRev: update.baseRev });
    // That was the first copy.
    peer.reject("1", "CONFLICT");
    expect(peer.ended()).toEqual([]);
    peer.reject("1", "CONFLICT");
    expect(peer.ended()).toEqual([["1", "CONFLICT"]]);
  });
});

test("k8 in a new epoch there is no firstRev", () => {
  const peer = Peer.withText("abc");
  peer.make("1", set("n", "a", "/n", 1));
  peer.make("2", set("n", "a", "/n", 2));
  const rev = peer.accept(peer.updates()[0] ?? fail());
  peer.newEpoch();
  expect(peer.reconnect().epoch).toBe("e");
  peer.joined(false);
  peer.gap("epoch", { 1: rev });
  peer.snapshot();
  expect([peer.replica.epoch, peer.ended()]).toEqual(["f", [["1", 2]]]);
  const again = peer.update();
  expect(again.clientReqId).toBe("2");
  expect(again).not.toHaveProperty("firstRev");
  peer.reconnect();
  peer.joined(true);
  // The revision in this epoch.
  expect(peer.update().firstRev).toBe(2);
});

test("k8 a RESYNC with a position leaves what is sent to be answered", () => {
  const peer = Peer.live([put("n", "a", { x: 0 })]);
  peer.make("1", add("n", "a", "/x", 1));
  const update = peer.update();
  peer.other(put("n", "b", {}));
  peer.other(put("n", "c", {}));
  peer.deliver(2);
  expect(peer.sentOne()).toEqual({ type: "RESYNC", epoch: "e", lastRev: 1 });
  peer.joined(true);
  peer.deliver();
  expect(peer.updates()).toEqual([]);
  const rev = peer.accept(update);
  peer.deliver();
  expect(peer.ended()).toEqual([["1", rev]]);
});

test("k3 an update that a gap of another epoch names stays in the view until the snapshot is there", () => {
  const peer = Peer.live([put("n", "a", { x: 0 })]);
  peer.make("1", add("n", "a", "/x", 1));
  peer.update();
  peer.newEpoch();
  peer.reconnect();
  peer.joined(false);
  peer.gap("epoch", { 1: 1 });
  expect([peer.replica.pending(), peer.data("a")]).toEqual([["1"], { x: 1 }]);
});

test("k3 what was accepted in a lost epoch is not waited for", () => {
  const peer = Peer.live([put("n", "a", { x: 0 })]);
  peer.make("1", add("n", "a", "/x", 1));
  peer.update();
  peer.ack("1", 70);
  peer.newEpoch();
  peer.reconnect();
  peer.joined(false);
  peer.gap("epoch");
  peer.snapshot();
  expect([peer.replica.pending(), peer.data("a")]).toEqual([[], { x: 0 }]);
});
