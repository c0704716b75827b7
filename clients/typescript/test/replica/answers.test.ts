/** `ACK`, `REJECT`, retries (rules K-3, K-9, K-10, U-1). */

import { describe, expect, test } from "vitest";
import { add, put, set, splice } from "../../src/changes.js";
import { fail, Peer } from "./peer.js";

const live = () => Peer.live([put("n", "a", { t: "abc", x: 0 })]);

describe("k3 an acknowledged update", () => {
  test("stays in the view until it is confirmed", () => {
    const peer = live();
    peer.make("1", set("n", "a", "/x", 1));
    const update = peer.update();
    peer.other(put("n", "b", {}));
    const rev = peer.accept(update);
    peer.ack("1", rev);
    expect(peer.ended()).toEqual([["1", rev]]);
    expect([peer.data("a"), peer.replica.pending()]).toEqual([{ t: "abc", x: 1 }, ["1"]]);
    // It is not sent again, and its refusal would come too late.
    peer.reject("1", "CONFLICT");
    peer.reconnect();
    peer.joined(true);
    expect(peer.updates()).toEqual([]);
    peer.deliver();
    expect([peer.data("a"), peer.replica.pending()]).toEqual([{ t: "abc", x: 1 }, []]);
    expect(peer.ended()).toEqual([]);
  });

  test("goes on being rebased if it is a splice", () => {
    const peer = live();
    peer.make("1", splice("n", "a", "/t", 3, 0, "!"));
    const update = peer.update();
    peer.other(splice("n", "a", "/t", 0, 0, ">"));
    peer.ack("1", peer.accept(update));
    peer.deliver(1, 2);
    expect(peer.text()).toBe(">abc!");
    peer.deliver();
    expect(peer.text()).toBe(">abc!");
  });

  test("is dropped if a snapshot holds it already", () => {
    const peer = Peer.live([put("n", "a", { x: 1 })]);
    peer.make("1", add("n", "a", "/x", 1));
    const rev = peer.accept(peer.update());
    peer.replica.resync();
    peer.sentOne();
    peer.joined(false);
    peer.snapshot();
    // Nothing tells yet that the snapshot has it.
    expect(peer.data("a")).toEqual({ x: 3 });
    expect(peer.update().firstRev).toBe(1);
    peer.ack("1", rev);
    expect(peer.data("a")).toEqual({ x: 2 });
    expect([peer.replica.pending(), peer.ended()]).toEqual([[], [["1", 2]]]);
  });

  test("leaves what does not show alone when it is dropped", () => {
    const peer = live();
    peer.make("1", splice("n", "a", "/t", 3, 0, "!", { ifVersion: 1 }));
    peer.update();
    peer.make("2", put("n", "b", {}));
    const rev = peer.accept(peer.update());
    peer.other(set("n", "a", "/x", 1));
    peer.deliver(1, 2);
    peer.deliver();
    expect([peer.text(), peer.replica.pending()]).toEqual(["abc", ["1"]]);
    peer.make("3", put("n", "c", {}));
    peer.update();
    peer.ack("3", rev);
    expect([peer.replica.pending(), peer.ended()]).toEqual([
      ["1"],
      [
        ["2", rev],
        ["3", rev],
      ],
    ]);
    peer.reconnect();
    peer.joined(true);
    expect(peer.updateIds()).toEqual(["1"]);
  });

  test("does not outlive its revision", () => {
    const peer = live();
    peer.make("1", set("n", "a", "/x", 1));
    peer.update();
    peer.ack("1", 2);
    // What the server says is not so, but nothing waits for ever.
    peer.other(put("n", "b", {}));
    peer.deliver();
    expect([peer.replica.pending(), peer.data("a")]).toEqual([[], { t: "abc", x: 0 }]);
  });
});

describe("k9 a refusal", () => {
  test("that is not retryable ends the update", () => {
    const peer = live();
    peer.make("1", set("n", "a", "/x", 1));
    peer.update();
    peer.reject("1", "TOO_LARGE");
    expect(peer.data("a")).toEqual({ t: "abc", x: 0 });
    expect(peer.ended()).toEqual([["1", "TOO_LARGE"]]);
    expect(peer.updates()).toEqual([]);
  });

  test("that is retryable has it sent again in time", () => {
    const peer = live();
    peer.now = 1000;
    peer.make("1", set("n", "a", "/x", 1));
    peer.make("2", set("n", "a", "/x", 2));
    expect(peer.updates()).toHaveLength(2);
    peer.retry("1", "RATE_LIMITED", 300);
    peer.retry("2", "RATE_LIMITED", 200);
    expect(peer.data("a")).toEqual({ t: "abc", x: 2 });
    expect(peer.replica.pollTimeout()).toBe(1300);
    peer.make("3", put("n", "b", {}));
    peer.now = 1299;
    expect(peer.updates()).toEqual([]);
    peer.now = 1300;
    const sent = peer.updates();
    expect(sent.map((update) => update.clientReqId)).toEqual(["1", "2", "3"]);
    // It is certain that the first time came to nothing.
    expect(sent[0]).not.toHaveProperty("firstRev");
    expect([peer.replica.pollTimeout(), peer.ended()]).toEqual([undefined, []]);
  });

  test("that is retryable says nothing of an earlier copy", () => {
    const peer = live();
    peer.make("1", set("n", "a", "/x", 1));
    peer.update();
    peer.reconnect();
    peer.joined(true);
    expect(peer.update().firstRev).toBe(1);
    peer.retry("1", "RATE_LIMITED", 1);
    peer.now += 1;
    expect(peer.update().firstRev).toBe(1);
  });

  test("that names no time backs off", () => {
    const peer = live();
    peer.make("1", set("n", "a", "/x", 1));
    const waits: number[] = [];
    for (let n = 0; n < 9; n++) {
      peer.update();
      peer.retry("1", "UNAVAILABLE");
      const due = peer.replica.pollTimeout() ?? fail();
      waits.push(due - peer.now);
      peer.now = due;
    }
    expect(waits).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 32_000, 32_000, 32_000]);
    peer.accept(peer.update());
    peer.deliver();
    peer.make("2", set("n", "a", "/x", 1));
    peer.update();
    peer.retry("2", "UNAVAILABLE");
    expect(peer.replica.pollTimeout()).toBe(peer.now + 500);
    peer.reconnect();
    expect(peer.replica.pollTimeout()).toBeUndefined();
  });

  test("ends what was made on the update", () => {
    const peer = live();
    peer.make("1", set("n", "a", "/t", "xyz"), put("n", "b", { t: "" }));
    peer.make("2", splice("n", "a", "/t", 3, 0, "!"));
    peer.make("3", splice("n", "b", "/t", 0, 0, "?"));
    peer.make("4", set("n", "a", "/x", 4));
    expect(peer.updateIds()).toEqual(["1"]);
    peer.reject("1", "FORBIDDEN");
    expect(peer.ended()).toEqual([
      ["2", "CONFLICT"],
      ["3", "CONFLICT"],
      ["1", "FORBIDDEN"],
    ]);
    expect(peer.data("a")).toEqual({ t: "abc", x: 4 });
    expect(peer.updateIds()).toEqual(["4"]);
  });

  test("does not end a splice on a value set after the update", () => {
    const peer = live();
    peer.make("1", set("n", "a", "/t", "xyz"));
    peer.make("2", set("n", "a", "/t", "uvw"));
    peer.make("3", splice("n", "a", "/t", 3, 0, "!"));
    peer.updates();
    peer.reject("1", "FORBIDDEN");
    expect(peer.text()).toBe("uvw!");
    expect(peer.ended()).toHaveLength(1);
  });

  test("that lets a later update overtake has it rebased over that", () => {
    const peer = live();
    peer.make("1", splice("n", "a", "/t", 3, 0, "!"));
    peer.make("2", set("n", "a", "/t", "uvw"));
    peer.make("3", splice("n", "a", "/t", 3, 0, "?"));
    const [, second] = peer.updates();
    peer.retry("1", "RATE_LIMITED", 1);
    peer.accept(second ?? fail());
    peer.deliver();
    expect(peer.ended()).toEqual([
      ["2", 2],
      ["1", "CONFLICT"],
    ]);
    expect(peer.text()).toBe("uvw?");
  });
});

test("u6 an update refused as unavailable may be an operation", () => {
  const peer = live();
  peer.make("1", splice("n", "a", "/t", 3, 0, "!"));
  const sent = peer.update();
  peer.retry("1", "UNAVAILABLE", 1);
  peer.now += 1;
  // The log had it after all, and the snapshot does not say whose it is.
  const rev = peer.accept(sent);
  peer.replica.resync();
  peer.sentOne();
  peer.joined(false);
  peer.snapshot();
  expect(peer.ended()).toEqual([]);
  expect(peer.update()).toEqual({ ...sent, firstRev: 1 });
  peer.ack("1", rev);
  expect(peer.ended()).toEqual([["1", 2]]);
  expect([peer.text(), peer.replica.pending()]).toEqual(["abc!", []]);
});

test("k10 repeated and unknown answers are ignored", () => {
  const peer = live();
  peer.make("1", set("n", "a", "/x", 1));
  // Not sent yet: this cannot be about it.
  peer.reject("1", "CONFLICT");
  const update = peer.update();
  peer.ack("nobody", 9);
  peer.reject("nobody", "CONFLICT");
  const rev = peer.accept(update);
  peer.ack("1", rev);
  peer.ack("1", rev);
  peer.ack("1", 77);
  peer.deliver();
  peer.ack("1", rev);
  peer.reject("1", "CONFLICT");
  expect(peer.ended()).toEqual([["1", rev]]);
  expect(peer.updates()).toEqual([]);
});

test("u1 an operation under the id of another client is not one's own", () => {
  const peer = live();
  peer.make("1", set("n", "a", "/x", 1));
  peer.update();
  peer.accept({ type: "UPDATE", clientReqId: "1", changes: [set("n", "a", "/x", 7)] }, "other");
  peer.deliver();
  expect([peer.replica.pending(), peer.ended()]).toEqual([["1"], []]);
  expect(peer.data("a")).toEqual({ t: "abc", x: 1 });
});
