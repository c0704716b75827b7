/** Making updates and seeing them at once (rule K-1), and what is refused right away. */

import { describe, expect, test } from "vitest";
import { add, del, merge, put, set, splice, unset } from "../../src/changes.js";
import { DEFAULT_LIMITS } from "../../src/limits.js";
import { UpdateError } from "../../src/replica/index.js";
import type { Change } from "../../src/types.js";
import { shows } from "../support/check.js";
import { Peer } from "./peer.js";

/** Why an update is refused. */
function refusal(peer: Peer, ...changes: Change[]): UpdateError {
  try {
    peer.make("refused", ...changes);
  } catch (error) {
    if (error instanceof UpdateError) return error;
    throw error;
  }
  throw new Error("it was taken");
}

describe("k1 own updates", () => {
  test("show at once", () => {
    const peer = Peer.live([put("n", "a", { x: 1, o: {} })]);
    peer.make("1", set("n", "a", "/x", 2), put("n", "b", {}));
    peer.make("2", add("n", "a", "/x", 5), merge("n", "a", { o: { y: null, z: 1 } }));
    peer.make("3", unset("n", "a", "/o/z"), del("n", "b"));
    expect(peer.data("a")).toEqual({ x: 7, o: {} });
    expect(peer.data("b")).toBeUndefined();
    expect(peer.replica.confirmed.get("n\na")?.data).toEqual({ x: 1, o: {} });
    expect(peer.replica.pending()).toEqual(["1", "2", "3"]);
  });

  test("count once each in the versions of the view", () => {
    const peer = Peer.live([put("n", "a", {})]);
    peer.make("1", set("n", "a", "/x", 1), set("n", "a", "/y", 1));
    peer.make("2", set("n", "a", "/x", 2, { ifVersion: 2 }));
    expect(peer.seen("a")?.version).toBe(3);
    peer.make("3", del("n", "a"));
    peer.make("4", put("n", "a", {}, { ifVersion: 0 }));
    expect(peer.seen("a")?.version).toBe(5);
  });

  test("name the records that they change", () => {
    const peer = Peer.live([put("n", "a", {}), put("n", "b", {})]);
    peer.make("1", set("n", "a", "/x", 1));
    expect(peer.changed()).toEqual(["n\na"]);
    peer.make("2", set("n", "a", "/x", 2), set("n", "b", "/x", 2));
    peer.events();
    peer.other(put("n", "c", {}));
    peer.deliver();
    expect(peer.changed()).toEqual(["n\nc"]);
    // What another changes of one record can take an update out of the view, and so change the other record.
    peer.other(del("n", "a"));
    peer.deliver();
    expect(peer.changed()).toEqual(["n\na", "n\nb"]);
    expect(peer.data("b")).toEqual({});
  });

  test("are left out of the view when they no longer apply, but stay pending", () => {
    const peer = Peer.live([put("n", "a", {})]);
    peer.make("1", set("n", "a", "/x", 1));
    const update = peer.update();
    peer.other(del("n", "a"));
    peer.deliver();
    expect(peer.data("a")).toBeUndefined();
    expect(peer.replica.pending()).toEqual(["1"]);
    expect(shows(peer.replica, "1")).toBe(false);
    // The server judged it when the record was there again.
    peer.other(put("n", "a", { y: 1 }));
    const rev = peer.accept(update);
    peer.deliver();
    expect(peer.ended()).toEqual([["1", rev]]);
    expect(peer.data("a")).toEqual({ x: 1, y: 1 });
  });

  test("made before the first state show and wait", () => {
    const peer = new Peer("discard");
    peer.other(put("n", "a", { t: "" }));
    peer.make("1", put("n", "b", { t: "x" }));
    peer.make("2", set("n", "a", "/x", 1));
    peer.make("3", splice("n", "b", "/t", 1, 0, "y"));
    expect(refusal(peer, splice("n", "a", "/t", 0, 0, "y")).code).toBe("NOT_SYNCED");
    expect(peer.data("b")).toEqual({ t: "xy" });
    peer.replica.connected();
    expect(peer.sentOne()).toEqual({ type: "JOIN", room: "r", clientKey: "the-key-of-client-me" });
    peer.joined(false);
    peer.snapshot();
    expect(peer.data("a")).toEqual({ t: "", x: 1 });
    expect(peer.data("b")).toEqual({ t: "xy" });
    expect(peer.ended()).toEqual([]);
    expect(peer.updateIds()).toEqual(["1", "2"]);
    expect(peer.replica.confirmedRev).toBe(1);
  });
});

describe("k1 what is refused at once", () => {
  test("does not fit the view", () => {
    const peer = Peer.live([put("n", "a", { t: "abc", n: 1 })]);
    const codes: [Change, string][] = [
      [set("n", "b", "/x", 1), "NOT_FOUND"],
      [set("n", "a", "/x/y", 1), "INVALID_CHANGE"],
      [splice("n", "a", "/t", 4, 0, "x"), "INVALID_CHANGE"],
      [add("n", "a", "/n", 2 ** 53 - 1), "INVALID_CHANGE"],
    ];
    for (const [change, code] of codes) {
      expect(refusal(peer, change)).toMatchObject({
        code,
        message: expect.stringContaining(`n/${change.id}: `),
      });
    }
    // All or nothing.
    expect(refusal(peer, set("n", "a", "/x", 1), set("n", "b", "/x", 1)).code).toBe("NOT_FOUND");
    const conflict = refusal(peer, put("n", "a", {}, { ifVersion: 0 }));
    expect(conflict).toMatchObject({ code: "CONFLICT", conflict: { collection: "n", id: "a", version: 1 } });
    expect(peer.updates()).toEqual([]);
  });

  test("is taken by no server", () => {
    const peer = Peer.live([put("n", "a", {})]);
    const { changesPerUpdate, messageBytes, depth } = DEFAULT_LIMITS;
    expect(refusal(peer).code).toBe("EMPTY");
    const many = Array.from({ length: changesPerUpdate + 1 }, () => set("n", "a", "/x", 1));
    expect(refusal(peer, ...many).code).toBe("TOO_LARGE");
    const nested = (levels: number): unknown => (levels ? [nested(levels - 1)] : 0);
    expect(refusal(peer, set("n", "a", "/x", nested(depth + 1))).code).toBe("TOO_LARGE");
    expect(refusal(peer, set("n", "a", "/x", "x".repeat(messageBytes))).code).toBe("TOO_LARGE");
    peer.make("1", set("n", "a", "/x", nested(depth - 1)));
    expect(() => peer.make("1", set("n", "a", "/x", 2))).toThrow(
      expect.objectContaining({ code: "DUPLICATE_ID" }),
    );
  });

  test("would be one too many", () => {
    const { replica } = new Peer();
    for (let n = 0; n < 4096; n++) replica.update(`${n}`, [put("n", "a", {})]);
    expect(() => replica.update("x", [put("n", "a", {})])).toThrow(
      expect.objectContaining({ code: "TOO_MANY_PENDING" }),
    );
  });

  test("w6 large values are judged by what is sent, not by what they take in memory", () => {
    const peer = Peer.live([put("n", "a", {})]);
    const items = Array.from({ length: 4000 }, (_, n) => ({ n }));
    peer.make("1", set("n", "a", "/x", items));
    expect(peer.updateIds()).toEqual(["1"]);
  });
});
