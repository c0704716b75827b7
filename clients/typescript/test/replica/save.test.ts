/** What is stored, and goes on after a reload or a crash: each update counts once, and none is lost. */

import { describe, expect, test } from "vitest";
import { add, put, set, splice } from "../../src/changes.js";
import { restore, save } from "../../src/replica/save.js";
import type { Change } from "../../src/types.js";
import { check, shows } from "../support/check.js";
import { fail, Peer } from "./peer.js";

const typed = (at: number, text: string): Change => splice("n", "a", "/t", at, 0, text);

/** Joins again and takes what was missed. */
function resume(peer: Peer): void {
  expect(peer.reconnect()).toMatchObject({ epoch: "e", lastRev: peer.replica.confirmedRev });
  peer.joined(true);
  if (peer.replica.lag()) peer.deliver();
}

describe("k8 after a reload", () => {
  test("the view is as it was, and pending updates are sent", () => {
    const peer = Peer.withText("abc");
    peer.make("1", typed(3, "!"), set("n", "a", "/n", 1));
    peer.make("2", put("n", "b", {}));
    const before = [peer.data("a"), peer.data("b"), peer.replica.pending()];
    peer.crash();
    expect([peer.data("a"), peer.data("b"), peer.replica.pending()]).toEqual(before);
    expect(peer.replica.clientKey).toBe("the-key-of-client-me");
    peer.other(typed(0, "> "));
    resume(peer);
    const [first, second] = peer.updates();
    // Perhaps they were sent before, but not accepted until now: all that was is known.
    expect(first).toMatchObject({ clientReqId: "1", baseRev: 2, firstRev: 2 });
    expect(second).toMatchObject({ clientReqId: "2", firstRev: 2 });
    peer.accept(first ?? fail());
    peer.accept(second ?? fail());
    peer.deliver();
    expect([peer.text(), peer.ended()]).toEqual([
      "> abc!",
      [
        ["1", 3],
        ["2", 4],
      ],
    ]);
  });

  test("what was accepted before it is found in the deltas", () => {
    const peer = Peer.withText("abc");
    peer.make("1", typed(3, "!"));
    peer.make("2", typed(4, "?"));
    const saved = peer.save();
    // The save is older than what the page still did.
    peer.other(typed(0, "> "));
    peer.deliver();
    peer.accept(peer.update());
    peer.deliver();
    peer.crash(saved);
    expect(peer.text()).toBe("abc!?");
    resume(peer);
    expect([peer.text(), peer.replica.pending()]).toEqual(["> abc!?", []]);
    expect(peer.ended()).toEqual([
      ["1", 3],
      ["2", 3],
    ]);
  });

  test("what was accepted before it is named by a gap", () => {
    const peer = Peer.withText("abc");
    peer.make("1", typed(3, "!"));
    const saved = peer.save();
    const rev = peer.accept(peer.update());
    peer.crash(saved);
    peer.reconnect();
    peer.joined(false);
    peer.gap("behind", { 1: rev });
    peer.snapshot();
    expect([peer.text(), peer.ended(), peer.replica.pending()]).toEqual(["abc!", [["1", 2]], []]);
  });

  test("s8 nothing composes into an update that was perhaps sent", () => {
    const peer = Peer.withText("abc");
    peer.make("1", typed(3, "!"));
    peer.crash();
    peer.make("2", typed(4, "?"));
    resume(peer);
    expect(peer.update().changes).toEqual([typed(3, "!")]);
  });

  test("k1 what does not show does not show", () => {
    const peer = Peer.withText("abc");
    peer.make("1", set("n", "a", "/n", 1, { ifVersion: 1 }));
    peer.update();
    peer.other(set("n", "a", "/x", 1));
    peer.deliver();
    peer.crash();
    expect([peer.data("a"), shows(peer.replica, "1")]).toEqual([{ n: 0, t: "abc", x: 1 }, false]);
  });

  test("k3 what was acknowledged is neither sent nor told again", () => {
    const peer = Peer.withText("abc");
    peer.make("1", add("n", "a", "/n", 1));
    peer.ack("1", peer.accept(peer.update()));
    peer.events();
    peer.crash();
    peer.reconnect();
    peer.joined(true);
    expect([peer.data("a"), peer.updates()]).toEqual([{ n: 1, t: "abc" }, []]);
    peer.deliver();
    expect([peer.data("a"), peer.ended(), peer.replica.pending()]).toEqual([{ n: 1, t: "abc" }, [], []]);
  });

  test("k7 what waited for the server's word ends", () => {
    const peer = Peer.withText("abc");
    peer.make("1", typed(3, "!"));
    peer.update();
    peer.other(set("n", "a", "/t", "new"));
    peer.deliver();
    peer.crash();
    expect([peer.ended(), peer.replica.pending()]).toEqual([[["1", "CONFLICT"]], []]);
  });

  test("k6 what a snapshot without acked may hold is still asked for", () => {
    const peer = Peer.withText("abc");
    peer.make("1", typed(3, "!"));
    const update = peer.update();
    const rev = peer.accept(update);
    peer.replica.resync();
    peer.sent();
    peer.joined(false);
    peer.snapshot();
    peer.crash();
    resume(peer);
    expect(peer.update()).toEqual({ ...update, firstRev: 1 });
    peer.ack("1", rev);
    expect([peer.ended(), peer.text()]).toEqual([[["1", 2]], "abc!"]);
  });

  test("k4 what is not to be trusted is not resumed from, and what was perhaps sent before counts from there", () => {
    const peer = Peer.withText("abc");
    peer.make("1", set("n", "a", "/n", 1));
    peer.heartbeat(1);
    peer.crash();
    expect(peer.reconnect()).not.toHaveProperty("lastRev");
    peer.other(put("n", "b", {}));
    peer.joined(false);
    peer.snapshot();
    expect(peer.update().firstRev).toBe(1);
  });
});

describe("u5 a long queue", () => {
  const LENGTH = 300;

  /** Makes more updates than a server remembers. */
  function fill(peer: Peer): void {
    for (let n = 0; n < LENGTH; n++) peer.make(`${n}`, add("n", "a", "/n", 1));
  }

  /** Sends and delivers until nothing is pending. */
  function flush(peer: Peer): void {
    while (peer.replica.pending().length) {
      for (const update of peer.updates()) {
        const answer = peer.room.offer("me", update);
        if (answer) peer.give(answer);
      }
      if (peer.room.rev > peer.replica.confirmedRev) peer.deliver();
    }
    expect(peer.ended().filter(([, ended]) => typeof ended !== "number")).toEqual([]);
  }

  test("is sent after two reloads", () => {
    const peer = Peer.withText("");
    fill(peer);
    peer.crash();
    resume(peer);
    peer.crash();
    resume(peer);
    flush(peer);
    expect(peer.data("a")).toEqual({ n: LENGTH, t: "" });
  });

  test("is sent after a gap that names what was accepted", () => {
    const peer = Peer.withText("");
    fill(peer);
    const saved = peer.save();
    const acked = Object.fromEntries(
      peer
        .updates()
        .slice(0, 100)
        .map((update) => [update.clientReqId, peer.accept(update)]),
    );
    peer.crash(saved);
    peer.reconnect();
    peer.joined(false);
    peer.gap("behind", acked);
    peer.snapshot();
    flush(peer);
    expect(peer.data("a")).toEqual({ n: LENGTH, t: "" });
  });

  test("ends as OUTCOME_UNKNOWN as far as the server has forgotten", () => {
    const peer = Peer.withText("");
    fill(peer);
    const saved = peer.save();
    // No save reached the store any more.
    flush(peer);
    peer.crash(saved);
    peer.reconnect();
    peer.joined(false);
    const { acked } = peer.room.gap("me", 1, "behind", peer.room.rev);
    expect(acked).toHaveLength(256);
    peer.gap("behind", Object.fromEntries(acked.map(({ clientReqId, rev }) => [clientReqId, rev])));
    peer.snapshot();
    for (const update of peer.updates()) peer.give(peer.room.offer("me", update) ?? fail());
    const ended = peer.ended();
    expect(ended.filter(([, outcome]) => outcome === "OUTCOME_UNKNOWN")).toHaveLength(LENGTH - 256);
    expect([ended.length, peer.data("a")]).toEqual([LENGTH, { n: LENGTH, t: "" }]);
  });

  test("that was made before any state came ends in the same way", () => {
    const peer = new Peer();
    peer.other(put("n", "a", { n: 0 }));
    fill(peer);
    const saved = peer.save();
    peer.replica.connected();
    peer.sent();
    peer.joined(false);
    peer.snapshot();
    flush(peer);
    peer.crash(saved);
    peer.reconnect();
    peer.joined(false);
    const { acked } = peer.room.gap("me", 0, "epoch", peer.room.rev);
    peer.gap("epoch", Object.fromEntries(acked.map(({ clientReqId, rev }) => [clientReqId, rev])));
    peer.snapshot();
    for (const update of peer.updates()) peer.give(peer.room.offer("me", update) ?? fail());
    const unknown = peer.ended().filter(([, outcome]) => outcome === "OUTCOME_UNKNOWN");
    expect([unknown.length, peer.data("a")]).toEqual([LENGTH - 256, { n: LENGTH }]);
  });

  test("that was made before any state came asks what the server remembers", () => {
    const peer = new Peer();
    peer.other(put("n", "a", { n: 0 }));
    fill(peer);
    const saved = peer.save();
    peer.replica.connected();
    expect(peer.sentOne()).not.toHaveProperty("epoch");
    peer.joined(false);
    peer.snapshot();
    for (const update of peer.updates().slice(0, 10)) peer.accept(update);
    // The store never heard of that.
    peer.crash(saved);
    expect(peer.reconnect()).toMatchObject({ epoch: "none", lastRev: 0 });
    peer.joined(false);
    const { acked } = peer.room.gap("me", 0, "epoch", peer.room.rev);
    peer.gap("epoch", Object.fromEntries(acked.map(({ clientReqId, rev }) => [clientReqId, rev])));
    peer.snapshot();
    expect(peer.events()).not.toContainEqual({ type: "gap", reason: "epoch" });
    peer.crash();
    resume(peer);
    for (let n = 0; n < 2; n++) {
      for (const update of peer.updates()) peer.accept(update);
      peer.deliver();
    }
    expect([peer.replica.pending(), peer.data("a")]).toEqual([[], { n: LENGTH }]);
  });
});

test("k1 what was made before the store has answered comes after what was stored", () => {
  const stored = Peer.withText("abc");
  stored.make("1", set("n", "a", "/n", 1));
  const peer = new Peer();
  peer.make("2", put("n", "b", { t: "x" }));
  peer.make("3", splice("n", "b", "/t", 1, 0, "y"));
  peer.make("4", splice("n", "b", "/t", 2, 0, "z"));
  peer.make("5", set("n", "a", "/n", 5));
  peer.make("6", set("n", "c", "/n", 6));
  peer.make("1", set("n", "a", "/n", 100));
  restore(peer.replica, stored.save());
  check(peer.replica);
  expect(peer.replica.pending()).toEqual(["1", "2", "3", "4", "5"]);
  expect([peer.data("a"), peer.data("b")]).toEqual([{ n: 5, t: "abc" }, { t: "xyz" }]);
  expect(peer.ended()).toEqual([["6", "NOT_FOUND"]]);
});

test("what is saved shares nothing that changes", () => {
  const peer = Peer.withText("");
  peer.make("1", typed(0, "a"));
  const saved = save(peer.replica);
  peer.make("2", typed(1, "b"));
  expect(saved.queue).toMatchObject([{ id: "1", aliases: [], changes: [typed(0, "a")] }]);
  expect(save(peer.replica).queue).toMatchObject([{ id: "1", aliases: ["2"], changes: [typed(0, "ab")] }]);
});
