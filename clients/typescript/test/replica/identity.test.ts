/** Records of the view stay the objects they are while they say the same, and `changed` names those that do not. */

import { describe, expect, test } from "vitest";
import { put, set, splice } from "../../src/changes.js";
import { Peer } from "./peer.js";

describe("k3 without flicker", () => {
  test("an own update that is confirmed keeps its data, and what its time does not change keeps its record", () => {
    const peer = Peer.live([put("n", "a", { x: 0, o: {} })]);
    peer.make("1", set("n", "a", "/x", 1));
    const seen = peer.seen("a");
    peer.accept(peer.update());
    peer.events();
    peer.deliver();
    // The room's clock stood still: the guess was right.
    expect(peer.seen("a")).toBe(seen);
    expect(peer.changed()).toEqual([]);
    peer.make("2", set("n", "a", "/x", 2));
    const data = peer.data("a");
    peer.room.at += 5;
    peer.accept(peer.update());
    peer.events();
    peer.deliver();
    expect(peer.data("a")).toBe(data);
    expect(peer.seen("a")?.updatedAt).toBe(peer.room.at);
    expect(peer.changed()).toEqual(["n\na"]);
    // View and confirmed state share it from then on.
    expect(peer.replica.confirmed.get("n\na")?.data).toBe(data);
  });

  test("an ACK changes nothing that is seen", () => {
    const peer = Peer.withText("abc");
    peer.make("1", splice("n", "a", "/t", 3, 0, "!"));
    const seen = peer.seen("a");
    peer.ack("1", peer.accept(peer.update()));
    expect(peer.seen("a")).toBe(seen);
  });
});

describe("what stays the same object", () => {
  test("is a record that others do not change, and its collection", () => {
    const peer = Peer.live([put("n", "a", {}), put("m", "b", {})]);
    const [record, list] = [peer.seen("a"), peer.replica.view.collection("n")];
    peer.other(put("m", "c", {}));
    peer.deliver();
    expect(peer.seen("a")).toBe(record);
    expect(peer.replica.view.collection("n")).toBe(list);
    expect(peer.changed()).toEqual(["m\nc"]);
  });

  test("is everything that a snapshot repeats, pending updates included", () => {
    const peer = Peer.live([put("n", "a", { x: 1 }), put("n", "b", { x: 1 })]);
    peer.make("1", set("n", "b", "/x", 2));
    const before = [...peer.replica.view.collection("n")];
    const list = peer.replica.view.collection("n");
    peer.events();
    peer.other(put("n", "c", {}));
    peer.gap("behind");
    peer.snapshot();
    expect(peer.replica.view.collection("n").slice(0, 2)).toEqual(before);
    for (const [index, record] of before.entries()) expect(list[index]).toBe(record);
    expect(peer.seen("a")).toBe(before[0]);
    expect(peer.seen("b")).toBe(before[1]);
    expect(peer.changed()).toEqual(["n\nc"]);
    expect(peer.replica.confirmed.get("n\na")).toBe(before[0]);
  });

  test("is data that is written again", () => {
    const peer = Peer.live([put("n", "a", { x: [1, { y: 2 }] })]);
    const data = peer.data("a");
    peer.make("1", put("n", "a", { x: [1, { y: 2 }] }));
    expect(peer.data("a")).toBe(data);
    expect(peer.seen("a")?.version).toBe(2);
    peer.other(set("n", "a", "/x", [1, { y: 2 }]));
    peer.deliver();
    expect(peer.data("a")).toBe(data);
  });

  test("is a view that an update leaves as it is", () => {
    const peer = Peer.live([put("n", "a", {})]);
    peer.make("1", { op: "delete", collection: "n", id: "z" });
    expect(peer.events()).toEqual([]);
    peer.reconnect();
    peer.joined(true);
    expect(peer.changed()).toEqual([]);
  });
});
