/** What is sent when (rules S-8, C-9, K-8), and what composes. */

import { describe, expect, test } from "vitest";
import { put, set, splice } from "../../src/changes.js";
import { DEFAULT_LIMITS } from "../../src/limits.js";
import type { Change, UpdateMessage } from "../../src/types.js";
import { fail, Peer } from "./peer.js";

const typed = (at: number, text: string): Change => splice("n", "a", "/t", at, 0, text);

/** The splices in `update`. */
function inserted(update: UpdateMessage): unknown[] {
  return update.changes.map((change) =>
    change.op === "splice" ? [change.at, change.remove, change.insert] : fail(),
  );
}

describe("s8 turns", () => {
  test("updates without splices go out freely", () => {
    const peer = Peer.live([put("n", "a", {})]);
    peer.make("1", set("n", "a", "/x", 1));
    peer.make("2", set("n", "a", "/x", 2));
    peer.make("3", put("n", "b", {}));
    const updates = peer.updates();
    expect(updates).toHaveLength(3);
    for (const update of updates) expect(Object.keys(update)).toEqual(["type", "clientReqId", "changes"]);
  });

  test("one splice update is unanswered, and what is typed meanwhile is one more", () => {
    const peer = Peer.withText("");
    peer.make("1", typed(0, "h"));
    const first = peer.update();
    expect([inserted(first), first.baseRev]).toEqual([[[0, 0, "h"]], 1]);
    for (const [n, letter] of [..."ello"].entries()) peer.make(`${n + 2}`, typed(n + 1, letter));
    expect(peer.updates()).toEqual([]);
    expect(peer.replica.pending()).toEqual(["1", "2", "3", "4", "5"]);
    const rev = peer.accept(first);
    peer.deliver();
    const second = peer.update();
    expect(second).toMatchObject({ clientReqId: "2", baseRev: rev });
    expect(inserted(second)).toEqual([[1, 0, "ello"]]);
    peer.accept(second);
    peer.deliver();
    expect(peer.ended()).toEqual([
      ["1", 2],
      ["2", 3],
      ["3", 3],
      ["4", 3],
      ["5", 3],
    ]);
    expect(peer.text()).toBe("hello");
  });

  test("composition passes updates of other records", () => {
    const peer = Peer.live([put("n", "a", { t: "" }), put("n", "b", {})]);
    peer.make("1", typed(0, "a"));
    const first = peer.update();
    peer.make("2", typed(1, "b"));
    peer.make("3", set("n", "b", "/x", 1));
    peer.make("4", typed(2, "c"));
    expect(peer.replica.pending()).toEqual(["1", "2", "4", "3"]);
    expect(peer.updateIds()).toEqual(["3"]);
    peer.accept(first);
    peer.deliver();
    expect(inserted(peer.update())).toEqual([[1, 0, "bc"]]);
  });

  test("what does more than splice does not compose", () => {
    const peer = Peer.withText("");
    peer.make("1", typed(0, "a"));
    const first = peer.update();
    peer.make("2", typed(1, "b"));
    peer.make("3", set("n", "a", "/n", 1));
    peer.make("4", typed(2, "c"));
    peer.make("5", typed(3, "d"), set("n", "a", "/n", 2));
    peer.make("6", splice("n", "a", "/t", 4, 0, "e", { ifVersion: 6 }));
    peer.make("7", typed(5, "f"));
    expect(peer.text()).toBe("abcdef");
    peer.accept(first);
    const sent: [string, number][] = [];
    while (peer.replica.pending().length) {
      peer.deliver();
      for (const update of peer.updates()) {
        sent.push([update.clientReqId, update.changes.length]);
        peer.accept(update);
      }
    }
    expect(sent).toEqual([
      ["2", 1],
      ["3", 1],
      ["4", 1],
      ["5", 2],
      ["6", 1],
      ["7", 1],
    ]);
    expect(peer.text()).toBe("abcdef");
  });

  test("typing that is undone leaves no empty update", () => {
    const peer = Peer.withText("");
    peer.make("1", typed(0, "a"));
    peer.make("2", splice("n", "a", "/t", 0, 1, ""));
    expect(peer.text()).toBe("");
    const first = peer.update();
    expect(inserted(first)).toEqual([[0, 0, "a"]]);
    peer.accept(first);
    peer.deliver();
    const second = peer.update();
    expect(inserted(second)).toEqual([[0, 1, ""]]);
    peer.accept(second);
    peer.deliver();
    expect(peer.ended()).toHaveLength(2);
  });

  test("a composed update stays within the limits", () => {
    const peer = Peer.live([put("n", "a", { t: "-".repeat(200) })]);
    peer.limits = { ...DEFAULT_LIMITS, changesPerUpdate: 2, operationBytes: 2000 };
    peer.reconnect();
    peer.joined(true);
    for (let n = 0; n < 4; n++) peer.make(`${n}`, typed(2 * n, "x"));
    expect(inserted(peer.update())).toHaveLength(2);
    peer.make("5", typed(0, "y".repeat(1000)));
    peer.make("6", typed(1, "z".repeat(1000)));
    expect(peer.replica.pending()).toEqual(["0", "1", "2", "3", "5", "6"]);
    expect(() => peer.make("7", typed(0, "y".repeat(2000)))).toThrow(
      expect.objectContaining({ code: "TOO_LARGE" }),
    );
  });

  test("a splice waits for earlier updates of its record to be confirmed", () => {
    const peer = Peer.withText("");
    peer.make("1", set("n", "a", "/t", "abc"));
    peer.make("2", typed(3, "d"));
    const rev = peer.accept(peer.update());
    // It is answered, but what the splice was made on is not confirmed yet.
    peer.ack("1", rev);
    expect(peer.updates()).toEqual([]);
    peer.deliver();
    const second = peer.update();
    expect(second.baseRev).toBe(rev);
    peer.accept(second);
    peer.deliver();
    expect(peer.text()).toBe("abcd");
  });

  test("an update waits behind an unsent one of its record", () => {
    const peer = Peer.live([put("n", "a", { t: "" }), put("n", "b", { t: "" })]);
    peer.make("1", typed(0, "a"));
    peer.make("2", splice("n", "b", "/t", 0, 0, "b"));
    peer.make("3", set("n", "b", "/x", 1));
    peer.make("4", set("n", "a", "/x", 1));
    peer.make("5", set("n", "b", "/x", 2), put("n", "c", {}));
    peer.make("6", set("n", "c", "/x", 1));
    peer.make("7", put("n", "d", {}));
    expect(peer.updateIds()).toEqual(["1", "4", "7"]);
  });

  test("a record that composition leaves alone is as if never touched", () => {
    const peer = Peer.live([put("n", "a", { t: "" }), put("n", "b", { t: "" })]);
    const untouched = peer.seen("b");
    peer.make("1", typed(0, "a"), splice("n", "b", "/t", 0, 0, "b"), splice("n", "b", "/t", 0, 1, ""));
    expect(peer.seen("b")?.version).toBe(2);
    peer.make("2", typed(1, "c"));
    expect([peer.text(), peer.seen("b")]).toEqual(["ac", untouched]);
    expect(inserted(peer.update())).toEqual([[0, 0, "ac"]]);
  });
});

test("c9 as many updates are unanswered as the server allows", () => {
  const peer = Peer.live([put("n", "a", {})]);
  peer.limits = { ...DEFAULT_LIMITS, inFlight: 2 };
  peer.reconnect();
  peer.joined(true);
  for (const n of [1, 2, 3, 4]) peer.make(`${n}`, set("n", "a", "/x", n));
  const [first, ...more] = peer.updates();
  expect(more).toHaveLength(1);
  peer.accept(first ?? fail());
  peer.deliver();
  expect(peer.updateIds()).toEqual(["3"]);
  peer.ack("2", 9);
  expect(peer.updateIds()).toEqual(["4"]);
});

test("k8 unanswered updates are sent again in order once caught up", () => {
  const peer = Peer.live([put("n", "a", { t: "abc" }), put("n", "b", {})]);
  peer.make("1", set("n", "b", "/x", 1));
  peer.make("2", typed(3, "!"));
  const [first, ...more] = peer.updates();
  expect(more).toHaveLength(1);
  peer.make("3", set("n", "b", "/x", 3));
  // The first was accepted before the connection ended.
  peer.accept(first ?? fail());
  peer.other(typed(0, ">>"));
  peer.reconnect();
  peer.joined(true);
  expect(peer.updates()).toEqual([]);
  peer.deliver();
  expect(peer.ended()).toEqual([["1", 2]]);
  const [second, third] = peer.updates();
  expect(second).toMatchObject({ clientReqId: "2", baseRev: 3, firstRev: 1 });
  expect(inserted(second ?? fail())).toEqual([[5, 0, "!"]]);
  expect(third).toEqual({ type: "UPDATE", clientReqId: "3", changes: [set("n", "b", "/x", 3)] });
  peer.accept(second ?? fail());
  peer.deliver();
  expect(peer.text()).toBe(">>abc!");
});

test("k8 a sent update takes in no more", () => {
  const peer = Peer.withText("");
  peer.make("1", typed(0, "a"));
  peer.update();
  peer.reconnect();
  peer.make("2", typed(1, "b"));
  peer.joined(true);
  expect(inserted(peer.update())).toEqual([[0, 0, "a"]]);
});

test("s2 baseRev is the confirmed revision whatever the head is", () => {
  const peer = Peer.withText("");
  peer.make("1", typed(0, "a"));
  peer.heartbeat(9);
  expect(peer.update().baseRev).toBe(1);
});

test("w6 what grew past the size of a message ends unsent", () => {
  const peer = Peer.withText("-".repeat(40));
  peer.make("1", set("n", "a", "/n", 1));
  const first = peer.update();
  peer.make("2", splice("n", "a", "/t", 0, 40, "x".repeat(400)));
  peer.make("3", put("n", "b", {}));
  // Each insertion of another splits the removal once more.
  peer.accept(first);
  for (let n = 0; n < 10; n++) peer.other(typed(3 + n * 4, "+"));
  peer.deliver();
  peer.limits = { ...DEFAULT_LIMITS, messageBytes: 1000 };
  peer.reconnect();
  peer.joined(true);
  expect(peer.updateIds()).toEqual(["3"]);
  expect(peer.ended()).toEqual([
    ["1", 2],
    ["2", "TOO_LARGE"],
  ]);
});
