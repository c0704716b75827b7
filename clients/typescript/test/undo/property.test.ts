import fc from "fast-check";
import { expect, test } from "vitest";
import type { Change } from "../../src/types.js";
import { card, MiniRoom, type MiniUser, valueAt } from "./mini-room.js";

const INITIAL = "0123456789";

interface Edit {
  kind: number;
  at: number;
  size: number;
  value: number;
}

const edit: fc.Arbitrary<Edit> = fc.record({
  kind: fc.nat(),
  at: fc.nat(),
  size: fc.integer({ min: 1, max: 4 }),
  value: fc.nat(5),
});

const textOf = (room: MiniRoom): string => {
  const text = valueAt(room);
  return typeof text === "string" ? text : "";
};

/** Any change that the card can take now; characters typed are of `letter`. */
function anyChange(room: MiniRoom, letter: string, { kind, at, size, value }: Edit): Change {
  const data = room.get(card.key)?.data;
  if (!data) return card.put({ text: letter, list: [value], n: value, o: {} });
  const changes: Change[] = [typing(room, letter, { kind, at, size, value }), card.set("/flag", value)];
  if (typeof data.n === "number" || data.n === undefined)
    changes.push(card.add("/n", value), card.add("/n", 0.1));
  if (data.o) changes.push(card.set(`/o/${value}`, size), card.unset(`/o/${size}`));
  if (Array.isArray(data.list)) changes.push(card.splice(at % (data.list.length + 1), 0, [value], "/list"));
  changes.push(card.merge({ flag: value, o: { [size]: value % 2 ? null : value } }));
  changes.push(card.put({ ...data, flag: value, o: { [value]: size } }), card.delete());
  changes.push(card.set("/text", letter.repeat(size)), card.unset("/n"));
  return changes[kind % changes.length] ?? card.delete();
}

/** Inserts or removes a piece of the text; if only `erasable` may be removed, no other character is. */
function typing(room: MiniRoom, letter: string, { kind, at, size }: Edit, erasable = /./s): Change {
  const text = textOf(room);
  if (typeof valueAt(room) !== "string") return card.set("/text", letter);
  const from = at % (text.length + 1);
  if (kind % 3) return card.splice(from, 0, letter.repeat(size));
  let length = 0;
  while (length < size && erasable.test(text[from + length] ?? "")) length++;
  return card.splice(from, length, kind % 2 ? letter : "");
}

const undoAll = (user: MiniUser) => {
  for (let steps = 0; user.history.canUndo(); steps++) {
    expect(user.history.undo()).toBeDefined();
    expect(steps).toBeLessThan(101);
  }
};

const redoAll = (user: MiniUser) => {
  while (user.history.canRedo()) expect(user.history.redo()).toBeDefined();
};

/** Sometimes undoes or redoes, sometimes makes several updates one step, else makes one. */
function act(user: MiniUser, turn: number, make: () => Change): void {
  if (turn % 7 === 0) user.history.undo();
  else if (turn % 7 === 1) user.history.redo();
  else if (turn % 7 === 2) user.answered();
  else if (turn % 7 === 3) {
    user.history.group(() => {
      user.update(make());
      user.update(make());
    });
  } else user.update(make());
}

test("alone, undoing everything gives the state before, and redoing everything the state after", () => {
  const turns = fc.array(fc.tuple(fc.nat(), edit, edit), { maxLength: 60 });
  fc.assert(
    fc.property(turns, fc.boolean(), (turns, exists) => {
      const room = new MiniRoom();
      if (exists) room.update([card.put({ text: INITIAL, list: [1], n: 3, o: { 1: 1 } })]);
      const before = room.state();
      const user = room.join();
      for (const [turn, first, second] of turns) {
        let next = second;
        act(user, turn, () => {
          next = next === first ? second : first;
          return anyChange(room, "a", next);
        });
      }
      redoAll(user);
      const after = room.state();
      undoAll(user);
      expect(room.state()).toEqual(before);
      redoAll(user);
      expect(room.state()).toEqual(after);
    }),
    { numRuns: 500 },
  );
});

test("among others who type in the same text, own characters go, theirs and the first ones stay in order", () => {
  const turns = fc.array(fc.tuple(fc.nat(2), fc.nat(), edit), { maxLength: 60 });
  fc.assert(
    fc.property(turns, (turns) => {
      const room = new MiniRoom();
      room.update([card.put({ text: INITIAL })]);
      const users = [room.join(), room.join(), room.join()];
      const [own] = users;
      for (const [who, turn, edit] of turns) {
        const user = users[who];
        if (!own || !user) continue;
        // Only the first user removes characters, and not those of others.
        if (user === own) act(own, turn, () => typing(room, "a", edit, /[a0-9]/));
        else user.update(typing(room, who === 1 ? "b" : "c", { ...edit, kind: 1 }));
      }
      const others = textOf(room).replace(/[a0-9]/g, "");
      if (own) undoAll(own);
      const text = textOf(room);
      expect(text.replace(/[0-9]/g, "")).toBe(others);
      expect(text.replace(/[^0-9]/g, "")).toBe(INITIAL);
    }),
    { numRuns: 500 },
  );
});

test("whatever all do at once, an undo always applies", () => {
  const turns = fc.array(fc.tuple(fc.nat(2), fc.nat(), edit), { maxLength: 80 });
  fc.assert(
    fc.property(turns, (turns) => {
      const room = new MiniRoom();
      const users = [room.join(), room.join(), room.join()];
      for (const [who, turn, edit] of turns) {
        const user = users[who];
        if (user) act(user, turn, () => anyChange(room, "abc"[who] ?? "", edit));
      }
      for (const user of users) undoAll(user);
    }),
    { numRuns: 500 },
  );
});
