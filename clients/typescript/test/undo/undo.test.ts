import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { card, MiniRoom, type MiniUser, valueAt } from "./mini-room.js";

let room: MiniRoom;
let ada: MiniUser;
let ben: MiniUser;

beforeEach(() => {
  vi.useFakeTimers();
  room = new MiniRoom();
  ada = room.join();
  ben = room.join();
});

afterEach(() => {
  vi.useRealTimers();
});

/** So late that the next typing is another step. */
const pause = () => vi.advanceTimersByTime(701);
const start = (data: Parameters<typeof card.put>[0]) => room.update([card.put(data)]);
const data = () => room.get(card.key)?.data;

describe("records", () => {
  test("a created record is deleted, and comes back as it then was", () => {
    ada.update(card.put({ n: 1 }));
    ben.update(card.set("/n", 2));
    ada.history.undo();
    expect(data()).toBeUndefined();
    ada.history.redo();
    expect(data()).toEqual({ n: 2 });
    ada.history.undo();
    expect(data()).toBeUndefined();
  });

  test("a deleted record is put back, unless there is another", () => {
    start({ n: 1 });
    ada.update(card.delete());
    ada.history.undo();
    expect(data()).toEqual({ n: 1 });
    ada.history.redo();
    expect(data()).toBeUndefined();
    ben.update(card.put({ other: true }));
    expect(ada.history.canUndo()).toBe(false);
    expect(ada.history.undo()).toBeUndefined();
    expect(data()).toEqual({ other: true });
  });

  test("a record that goes and comes in one step is restored, not refused", () => {
    start({ n: 1, text: "a" });
    ada.history.group(() => {
      ada.update(card.delete());
      ada.update(card.put({ n: 2 }));
    });
    ada.history.undo();
    expect(data()).toEqual({ n: 1, text: "a" });
  });
});

describe("fields", () => {
  test("each leaf is restored for itself: what another changed stays theirs", () => {
    start({ a: 1, b: { c: 1, d: 1 }, gone: null });
    ada.update(card.put({ a: 2, b: { c: 2, d: 2, e: 2 } }));
    ben.update(card.set("/b/c", 3));
    ada.history.undo();
    expect(data()).toEqual({ a: 1, b: { c: 3, d: 1 }, gone: null });
    ada.history.redo();
    expect(data()).toEqual({ a: 2, b: { c: 3, d: 2, e: 2 } });
  });

  test("set, unset and merge, with keys that need escapes", () => {
    start({ "a/b": 1, "~": { x: 1 } });
    const before = data();
    ada.update(card.set("/a~1b", 2), card.unset("/~0/x"));
    ada.update(card.merge({ "a/b": null, new: { deep: [1] } }));
    ada.history.undo();
    expect(data()).toEqual({ "a/b": 2, "~": {} });
    ada.history.undo();
    expect(data()).toEqual(before);
    ada.history.redo();
    ada.history.redo();
    expect(data()).toEqual({ "~": {}, new: { deep: [1] } });
  });

  test("what stood in an object that is gone is left out", () => {
    start({ a: { b: 1 }, n: 1 });
    ada.update(card.unset("/a/b"), card.set("/n", 2));
    ben.update(card.unset("/a"));
    ada.history.undo();
    expect(data()).toEqual({ n: 1 });
  });

  test("numbers are added to, the others' sums stay", () => {
    start({ n: 10 });
    ada.update(card.add("/n", 5));
    ben.update(card.add("/n", 100));
    ada.history.undo();
    expect(data()).toEqual({ n: 110 });
    ada.history.redo();
    expect(data()).toEqual({ n: 115 });
  });

  test("a sum that rounds, or was nothing before, becomes exactly what it was", () => {
    start({ n: 0.1 });
    ada.update(card.add("/n", 0.2), card.add("/m", 1));
    ada.history.undo();
    expect(data()).toEqual({ n: 0.1 });
  });

  test("a number that was replaced by what is none stays", () => {
    start({ n: 1 });
    ada.update(card.add("/n", 5));
    ben.update(card.set("/n", "five"));
    expect(ada.history.undo()).toBeUndefined();
    expect(data()).toEqual({ n: "five" });
  });

  test("more leaves than an update may change are put at once", () => {
    const many = (n: number) => Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`k${i}`, n]));
    start(many(1));
    ada.update(card.put(many(2)));
    ben.update(card.set("/k7", 7));
    ada.history.undo();
    expect(data()).toEqual({ ...many(1), k7: 7 });
  });
});

describe("splices", () => {
  test("typing is taken back from among what others typed since", () => {
    start({ text: "hello" });
    ada.update(card.splice(5, 0, " world"));
    ben.update(card.splice(0, 0, ">> "));
    ben.update(card.splice(11, 0, "BEN"));
    expect(valueAt(room)).toBe(">> hello woBENrld");
    ada.history.undo();
    expect(valueAt(room)).toBe(">> helloBEN");
    ada.history.redo();
    expect(valueAt(room)).toBe(">> hello woBENrld");
  });

  test("what was deleted comes back where it was", () => {
    start({ text: "one two three" });
    ada.update(card.splice(4, 4, ""));
    ben.update(card.splice(0, 4, ""));
    ada.history.undo();
    expect(valueAt(room)).toBe("two three");
  });

  test("positions count code points", () => {
    start({ text: "😀😀" });
    ada.update(card.splice(1, 1, "é😀"));
    ben.update(card.splice(0, 0, "🙂"));
    ada.history.undo();
    expect(valueAt(room)).toBe("🙂😀😀");
  });

  test("arrays, and several splices in one update", () => {
    start({ text: "abc", list: [1, 2, 3] });
    ada.update(card.splice(0, 1, [9, 9], "/list"), card.splice(3, 1, [], "/list"), card.splice(1, 1, "X"));
    ben.update(card.splice(0, 0, [0], "/list"));
    ada.history.undo();
    expect(data()).toEqual({ text: "abc", list: [0, 1, 2, 3] });
  });

  test("the stack is moved from the top down: older steps too go where they belong", () => {
    start({ text: "" });
    ada.update(card.splice(0, 0, "aaa"));
    pause();
    ada.update(card.splice(0, 3, "bbb"));
    pause();
    ada.update(card.splice(3, 0, "ccc"));
    ben.update(card.splice(3, 0, "BEN"));
    expect(valueAt(room)).toBe("bbbBENccc");
    ada.history.undo();
    expect(valueAt(room)).toBe("bbbBEN");
    ada.history.undo();
    expect(valueAt(room)).toBe("aaaBEN");
    ada.history.undo();
    expect(valueAt(room)).toBe("BEN");
    for (const text of ["aaaBEN", "bbbBEN", "bbbBENccc"]) {
      ada.history.redo();
      expect(valueAt(room)).toBe(text);
    }
  });

  test("the redo stack is moved as well", () => {
    start({ text: "" });
    ada.update(card.splice(0, 0, "one"));
    pause();
    ada.update(card.splice(3, 0, " two"));
    ada.history.undo();
    ada.history.undo();
    ben.update(card.splice(0, 0, "BEN "));
    ada.history.redo();
    ada.history.redo();
    expect(valueAt(room)).toBe("BEN one two");
  });

  test("a value that another replaced is left alone", () => {
    start({ text: "a", n: 1 });
    ada.update(card.splice(1, 0, "b"), card.set("/n", 2));
    ben.update(card.set("/text", "other"));
    ben.update(card.splice(5, 0, "!"));
    ada.history.undo();
    expect(data()).toEqual({ text: "other!", n: 1 });
  });

  test("a value that one replaced oneself is spliced once that is undone", () => {
    start({ text: "a" });
    ada.update(card.splice(1, 0, "b"));
    ada.update(card.set("/text", "new"));
    ada.update(card.splice(3, 0, "er"));
    expect(valueAt(room)).toBe("newer");
    ada.history.undo();
    ada.history.undo();
    expect(valueAt(room)).toBe("ab");
    ben.update(card.splice(0, 0, "B"));
    ada.history.undo();
    expect(valueAt(room)).toBe("Ba");
  });

  test("steps in a record that goes and comes apply to the record that they were made in", () => {
    start({ n: 0 });
    ada.update(card.put({ text: "" }));
    ada.update(card.splice(0, 0, "first"));
    ada.update(card.delete());
    ada.update(card.put({ text: "" }));
    ada.update(card.splice(0, 0, "second"));
    for (let i = 0; i < 5; i++) ada.history.undo();
    expect(data()).toEqual({ n: 0 });
    for (let i = 0; i < 5; i++) ada.history.redo();
    expect(data()).toEqual({ text: "second" });
  });

  test("a step that restores a value and then splices it leaves the step before it in place", () => {
    start({ text: "0123" });
    ada.update(card.splice(0, 1, ""));
    ada.history.group(() => {
      ada.update(card.splice(0, 1, ""));
      ada.update(card.delete());
    });
    ada.history.undo();
    expect(valueAt(room)).toBe("123");
    ada.history.undo();
    expect(valueAt(room)).toBe("0123");
  });

  test("a value that one replaced and another typed in stays, and what was below it is dropped", () => {
    start({ text: "a" });
    ada.update(card.splice(1, 0, "b"));
    ada.update(card.set("/text", "new"));
    ben.update(card.splice(0, 0, "B"));
    expect(ada.history.undo()).toBeUndefined();
    expect(valueAt(room)).toBe("Bnew");
  });

  test("what another has removed already leaves nothing to undo: the step before is undone", () => {
    start({ text: "", n: 1 });
    ada.update(card.set("/n", 2));
    ada.update(card.splice(0, 0, "ada"));
    ben.update(card.splice(0, 3, "ben"));
    ada.history.undo();
    expect(data()).toEqual({ text: "ben", n: 1 });
    expect(ada.history.canUndo()).toBe(false);
  });
});

describe("steps", () => {
  test("typing in one text within 700 ms of each other is one step", () => {
    start({ text: "", title: "" });
    for (const [i, letter] of [..."hello"].entries()) {
      ada.update(card.splice(i, 0, letter));
      if (i % 2) ada.answered();
      vi.advanceTimersByTime(700);
    }
    vi.advanceTimersByTime(1);
    ada.update(card.splice(5, 0, "!"));
    ada.update(card.splice(0, 0, "T", "/title"));
    ada.update(card.splice(6, 0, "?"));
    const seen = [];
    while (ada.history.undo()) seen.push(data());
    expect(seen).toEqual([
      { text: "hello!", title: "T" },
      { text: "hello!", title: "" },
      { text: "hello", title: "" },
      { text: "", title: "" },
    ]);
  });

  test("typing after an undo is a step of its own", () => {
    start({ text: "", n: 0 });
    ada.update(card.splice(0, 0, "a"));
    ada.update(card.set("/n", 1));
    ada.history.undo();
    ada.update(card.splice(1, 0, "b"));
    ada.history.undo();
    expect(valueAt(room)).toBe("a");
  });

  test("an update of many changes and a group of updates are one step", () => {
    start({ n: 1, text: "a" });
    ada.history.group(() => {
      ada.update(card.add("/n", 1), card.splice(1, 0, "b"));
      ada.update(card.set("/n", 7));
      ada.history.group(() => ada.update(card.splice(2, 0, "c")));
    });
    ada.update(card.splice(3, 0, "d"));
    ada.history.undo();
    expect(data()).toEqual({ n: 7, text: "abc" });
    ada.history.undo();
    expect(data()).toEqual({ n: 1, text: "a" });
    ada.history.redo();
    expect(data()).toEqual({ n: 7, text: "abc" });
  });

  test("a new update ends what could be redone", () => {
    start({ n: 1, m: 1 });
    ada.update(card.set("/n", 2));
    ada.history.undo();
    expect(ada.history.canRedo()).toBe(true);
    ada.update(card.set("/m", 2));
    expect(ada.history.canRedo()).toBe(false);
  });

  test("100 steps are kept", () => {
    start({ n: 0 });
    for (let n = 1; n <= 150; n++) ada.update(card.set("/n", n));
    let undone = 0;
    while (ada.history.undo()) undone++;
    expect([undone, valueAt(room, "/n")]).toEqual([100, 50]);
  });
});

describe("outcomes", () => {
  /** The view loses the update `id`, and is `text` then. */
  const reject = (user: MiniUser, id: string, text: string) => {
    user.history.resolved(id, false);
    room.update([card.set("/text", text)], user);
    user.history.settle();
  };

  test("a rejected update leaves the stack, what was before it stays on it", () => {
    start({ text: "" });
    ada.update(card.splice(0, 0, "one"));
    ada.answered();
    const id = ada.update(card.splice(0, 0, "two "));
    reject(ada, id, "one");
    ben.update(card.splice(0, 0, "BEN "));
    ada.history.undo();
    expect(valueAt(room)).toBe("BEN ");
    expect(ada.history.canUndo()).toBe(false);
  });

  test("an undo that is rejected leaves nothing that could go wrong", () => {
    start({ text: "" });
    ada.update(card.splice(0, 0, "one"));
    pause();
    ada.update(card.splice(0, 0, "two "));
    const id = ada.history.undo() ?? "";
    reject(ada, id, "two one");
    expect(ada.history.canRedo()).toBe(false);
    expect(ada.history.undo()).toBeUndefined();
    expect(valueAt(room)).toBe("two one");
  });

  test("an undo that cannot be made now can be made later", () => {
    start({ n: 1 });
    ada.update(card.set("/n", 2));
    room.closed = true;
    expect(() => ada.history.undo()).toThrow("CLOSED");
    room.closed = false;
    ada.history.undo();
    expect(data()).toEqual({ n: 1 });
  });
});
