/** Pending splices under the operations of others (rules K-2 and K-7). */

import { describe, expect, test } from "vitest";
import { del, merge, put, set, splice, unset } from "../../src/changes.js";
import { foreign } from "../../src/replica/foreign.js";
import type { Extent } from "../../src/splice.js";
import type { Change } from "../../src/types.js";
import { shows } from "../support/check.js";
import { Peer } from "./peer.js";

const typed = (at: number, remove: number, text: string): Change => splice("n", "a", "/t", at, remove, text);

describe("k2 pending splices", () => {
  test("move over those of others", () => {
    const peer = Peer.withText("hello world");
    peer.make("1", typed(5, 0, ","));
    const first = peer.update();
    peer.make("2", typed(12, 0, "!"));
    peer.other(typed(0, 5, "Bye"));
    peer.other(typed(3, 0, "-bye"));
    peer.deliver();
    expect(peer.text()).toBe("Bye-bye, world!");
    peer.accept(first);
    peer.deliver();
    expect(peer.text()).toBe("Bye-bye, world!");
    const second = peer.update();
    expect(second.baseRev).toBe(4);
    peer.accept(second);
    peer.deliver();
    expect([peer.text(), peer.replica.pending()]).toEqual(["Bye-bye, world!", []]);
  });

  test("s4 stand right of what others insert at the same place", () => {
    const peer = Peer.withText("ab");
    peer.make("1", typed(1, 0, "MINE"));
    peer.other(typed(1, 0, "theirs"));
    peer.deliver();
    expect(peer.text()).toBe("atheirsMINEb");
    peer.accept(peer.update());
    peer.deliver();
    expect(peer.text()).toBe("atheirsMINEb");
  });

  test("are answered though nothing is left to do", () => {
    const peer = Peer.withText("abc");
    peer.make("1", typed(1, 1, ""));
    peer.other(typed(0, 3, ""));
    peer.deliver();
    expect(peer.text()).toBe("");
    const update = peer.update();
    expect(update.changes).toEqual([typed(0, 0, "")]);
    const rev = peer.accept(update);
    peer.deliver();
    expect(peer.ended()).toEqual([["1", rev]]);
  });

  test("move over operations of an earlier life as over any other", () => {
    const peer = Peer.withText("abc");
    peer.make("1", typed(3, 0, "!"));
    peer.accept({ type: "UPDATE", clientReqId: "of-another-tab", changes: [typed(0, 0, "> ")], baseRev: 1 });
    peer.deliver();
    expect([peer.text(), peer.ended()]).toEqual(["> abc!", []]);
  });

  test("move over an own operation that the view did not show", () => {
    const peer = Peer.withText("abc");
    hide(peer, 0, 0, ">");
    peer.make("2", typed(3, 0, "!"));
    expect(peer.text()).toBe("abc!");
    peer.accept({ type: "UPDATE", clientReqId: "1", changes: [typed(0, 0, ">")], baseRev: peer.room.rev });
    peer.deliver();
    expect(peer.text()).toBe(">abc!");
  });

  test("end if the own operation they were made on came out otherwise", () => {
    const peer = Peer.withText("abc");
    peer.make("1", typed(3, 0, "!"));
    peer.update();
    peer.make("2", typed(4, 0, "?"));
    const rev = peer.accept({ type: "UPDATE", clientReqId: "1", changes: [typed(0, 0, "!")], baseRev: 1 });
    peer.deliver();
    expect(peer.ended()).toEqual([
      ["1", rev],
      ["2", "CONFLICT"],
    ]);
  });
});

describe("k7 a splice whose value was replaced", () => {
  test.each([
    set("n", "a", "/t", "new"),
    unset("n", "a", "/t"),
    merge("n", "a", { t: "new" }),
    put("n", "a", { t: "abc" }),
    del("n", "a"),
  ])("ends at once if it is not sent: $op", (theirs) => {
    const peer = Peer.withText("abc");
    peer.make("1", typed(3, 0, "!"));
    peer.make("2", set("n", "a", "/n", 1));
    peer.other(theirs);
    peer.deliver();
    const version = peer.replica.confirmed.get("n\na")?.version ?? 0;
    const outcome = {
      status: "rejected",
      code: "CONFLICT",
      conflict: { collection: "n", id: "a", version, path: "/t" },
    };
    expect(peer.events().find((event) => event.type === "resolved")).toMatchObject({ id: "1", outcome });
    expect(peer.replica.pending()).toEqual(["2"]);
  });

  test("waits for the server's word if it is sent, and does not show", () => {
    const peer = Peer.withText("abc");
    peer.make("1", typed(3, 0, "!"));
    peer.update();
    peer.make("2", typed(4, 0, "?"));
    peer.other(set("n", "a", "/t", "new"));
    peer.deliver();
    expect(peer.text()).toBe("new");
    // What was made on it goes with it.
    expect(peer.ended()).toEqual([["2", "CONFLICT"]]);
    // What is made now is made on what shows, and is sent when the first is answered.
    peer.make("3", typed(3, 0, "er"));
    expect([peer.text(), peer.updates()]).toEqual(["newer", []]);
    peer.reject("1", "CONFLICT");
    expect(peer.ended()).toEqual([["1", "CONFLICT"]]);
    expect(peer.text()).toBe("newer");
    expect(peer.updateIds()).toEqual(["3"]);
  });

  test("takes the server's word, whatever it is, once", () => {
    const peer = Peer.withText("abc");
    peer.make("1", typed(3, 0, "!"));
    peer.update();
    peer.other(set("n", "a", "/t", "new"));
    peer.deliver();
    peer.ack("1", 9);
    peer.replica.disconnected();
    expect([peer.ended(), peer.replica.pending()]).toEqual([[["1", 9]], ["1"]]);
  });

  test("ends with the connection: no word can come", () => {
    const peer = Peer.withText("abc");
    peer.make("1", typed(3, 0, "!"));
    peer.update();
    peer.other(set("n", "a", "/t", "new"));
    peer.deliver();
    expect(peer.ended()).toEqual([]);
    peer.replica.disconnected();
    expect(peer.ended()).toEqual([["1", "CONFLICT"]]);
  });

  test("ends what was made on other records of its update too", () => {
    const peer = Peer.withText("abc");
    peer.make("1", typed(3, 0, "!"), put("n", "b", { t: "" }));
    peer.make("2", splice("n", "b", "/t", 0, 0, "?"));
    peer.other(set("n", "a", "/t", "new"));
    peer.deliver();
    expect(peer.ended()).toEqual([
      ["1", "CONFLICT"],
      ["2", "CONFLICT"],
    ]);
    expect(peer.data("b")).toBeUndefined();
  });

  test("tells of what replaced it first", () => {
    const peer = Peer.withText("abc");
    peer.make("1", typed(3, 0, "!"));
    peer.update();
    peer.other(set("n", "a", "/t", "new"));
    peer.other(set("n", "a", "/t", "newer"));
    peer.deliver(1, 2);
    peer.deliver();
    peer.replica.disconnected();
    expect(peer.events().find((event) => event.type === "resolved")).toMatchObject({
      outcome: { conflict: { version: 2 } },
    });
  });

  test("goes on if something beside it was replaced", () => {
    const peer = Peer.live([put("n", "a", { t: "abc", o: { t: "abc" } })]);
    peer.make("1", splice("n", "a", "/o/t", 3, 0, "!"));
    peer.other(merge("n", "a", { o: { u: 1 }, t: "x" }), set("n", "a", "/o/v", 1));
    peer.deliver();
    expect(peer.data("a")).toEqual({ t: "x", o: { t: "abc!", u: 1, v: 1 } });
  });

  test("goes on if the client itself set the value", () => {
    const peer = Peer.withText("abc");
    peer.make("1", set("n", "a", "/t", "mine"), typed(4, 0, "!"));
    peer.make("2", typed(5, 0, "?"));
    const first = peer.update();
    peer.other(typed(0, 0, "xx"));
    peer.other(set("n", "a", "/t", "theirs"));
    peer.deliver();
    expect([peer.text(), peer.ended()]).toEqual(["mine!?", []]);
    peer.accept(first);
    peer.deliver();
    peer.accept(peer.update());
    peer.deliver();
    expect(peer.text()).toBe("mine!?");
  });
});

/** Makes a splice that shows until another's operation changes the version it asks for. */
function hide(peer: Peer, at: number, remove: number, text: string): void {
  const ifVersion = peer.seen("a")?.version ?? 0;
  peer.make("1", splice("n", "a", "/t", at, remove, text, { ifVersion }));
  peer.update();
  peer.other(set("n", "a", "/n", 1));
  peer.deliver();
  expect(shows(peer.replica, "1")).toBe(false);
}

test("k1 what does not show moves nothing made later", () => {
  const peer = Peer.withText("abc");
  hide(peer, 0, 3, "");
  peer.make("2", typed(1, 0, "!"));
  peer.other(typed(2, 0, "X"));
  peer.deliver();
  expect(peer.text()).toBe("a!bXc");
});

test("k1 what does not show moves nothing made later, and what shows before it does", () => {
  const peer = Peer.withText("abc");
  peer.make("0", typed(3, 0, "0"));
  peer.update();
  peer.make("1", splice("n", "a", "/t", 0, 3, "", { ifVersion: 2 }));
  peer.other(set("n", "a", "/n", 1));
  peer.deliver();
  expect(shows(peer.replica, "1")).toBe(false);
  peer.make("2", typed(1, 0, "!"));
  expect(peer.text()).toBe("a!bc0");
  peer.other(typed(2, 0, "X"));
  peer.deliver();
  expect(peer.text()).toBe("a!bXc0");
});

test("k1 what was made on an update that no longer shows ends", () => {
  const peer = Peer.withText("abc");
  peer.make("1", set("n", "a", "/t", "uvwxyz", { ifVersion: 1 }));
  peer.make("2", typed(1, 0, "!"));
  peer.make("3", set("n", "a", "/n", 3));
  peer.other(set("n", "a", "/n", 1));
  peer.deliver();
  expect(peer.ended()).toEqual([["2", "CONFLICT"]]);
  expect(peer.data("a")).toEqual({ n: 3, t: "abc" });
});

describe("what moves under the view", () => {
  function listening(text: string): [Peer, [key: string, path: string, splices: readonly Extent[]][]] {
    const peer = Peer.withText(text);
    const told: [string, string, readonly Extent[]][] = [];
    peer.replica.onForeign = foreign((...args) => told.push(args));
    return [peer, told];
  }

  test("is told as it applies to the view", () => {
    const [peer, told] = listening("abcdef");
    peer.make("1", typed(2, 1, "XYZ"));
    peer.other(typed(4, 1, "!"));
    peer.deliver();
    expect(told).toEqual([["n\na", "/t", [{ at: 6, remove: 1, insert: 1 }]]]);
    expect(peer.text()).toBe("abXYZd!f");
  });

  test("is told in several pieces where an own insertion splits it", () => {
    const [peer, told] = listening("abcdef");
    peer.make("1", typed(3, 0, "XYZ"));
    peer.other(typed(1, 4, "!"));
    peer.deliver();
    expect(peer.text()).toBe("a!XYZf");
    expect(told).toEqual([
      [
        "n\na",
        "/t",
        [
          { at: 1, remove: 2, insert: 1 },
          { at: 5, remove: 2, insert: 0 },
        ],
      ],
    ]);
  });

  test("is told without a pending splice, once for each value and operation", () => {
    const [peer, told] = listening("abc");
    peer.other(
      typed(0, 0, "1"),
      typed(4, 0, "2"),
      set("n", "a", "/l", [1]),
      splice("n", "a", "/l", 0, 0, [2]),
    );
    peer.other(typed(0, 1, ""));
    peer.deliver();
    // A value that the operation itself replaced did not move.
    const [one, two] = [1, 2].map(() => ["n\na", "/t"]);
    expect(told).toEqual([
      [
        ...(one ?? []),
        [
          { at: 0, remove: 0, insert: 1 },
          { at: 4, remove: 0, insert: 1 },
        ],
      ],
      [...(two ?? []), [{ at: 0, remove: 1, insert: 0 }]],
    ]);
  });

  test("is neither an own operation nor what an own value covers", () => {
    const [peer, told] = listening("abc");
    peer.make("1", typed(3, 0, "!"));
    peer.accept(peer.update());
    peer.deliver();
    peer.make("2", set("n", "a", "/t", "mine"));
    peer.other(typed(0, 0, "theirs"));
    peer.deliver();
    expect([peer.text(), told]).toEqual(["mine", []]);
  });
});
