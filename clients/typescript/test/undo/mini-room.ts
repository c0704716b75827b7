import { type Key, keyOf } from "../../src/document.js";
import { editData } from "../../src/edit.js";
import { find } from "../../src/path.js";
import { extentsOf, isNoop } from "../../src/splice.js";
import type { Change, ObjectValue, Rec, Value } from "../../src/types.js";
import { History } from "../../src/undo.js";

/** A document that all its users see at once: every update is accepted when it is made. */
export class MiniRoom {
  private records = new Map<Key, Rec>();
  private users: MiniUser[] = [];
  /** No update is taken any more. */
  closed = false;

  join(): MiniUser {
    const user = new MiniUser(this);
    this.users.push(user);
    return user;
  }

  get(key: Key): Rec | undefined {
    return this.records.get(key);
  }

  /** All data by key, in the order of the keys. */
  state(): [Key, ObjectValue][] {
    const entries = [...this.records].map(([key, record]): [Key, ObjectValue] => [key, record.data]);
    return entries.sort(([a], [b]) => (a < b ? -1 : 1));
  }

  /** Makes an update of `author` or, if there is none, of someone without a history. */
  update(changes: readonly Change[], author?: MiniUser): void {
    if (this.closed) throw new Error("CLOSED");
    const after = new Map<Key, Rec | undefined>();
    for (const change of changes) {
      const key = keyOf(change);
      if (change.ifVersion === 0 && this.records.has(key)) throw new Error("CONFLICT");
      const old = after.has(key) ? after.get(key) : this.records.get(key);
      after.set(key, edited(old, change));
    }
    const others = this.users.filter((user) => user !== author);
    for (const change of changes) {
      if (change.op !== "splice" || isNoop(change)) continue;
      for (const other of others) other.history.foreign(keyOf(change), change.path, extentsOf([change]));
    }
    for (const [key, record] of after) {
      if (record) this.records.set(key, record);
      else this.records.delete(key);
    }
    for (const other of others) other.history.settle();
  }
}

function edited(old: Rec | undefined, change: Change): Rec | undefined {
  if (change.op === "delete") return undefined;
  const { collection, id } = change;
  const rest = { collection, id, version: 1, createdAt: 0, updatedAt: 0 };
  if (change.op === "put") return { ...rest, data: change.data };
  if (!old) throw new Error("NOT_FOUND");
  return { ...rest, data: editData(old.data, change) };
}

let ids = 0;

/** One who edits a {@link MiniRoom}. */
export class MiniUser {
  readonly history: History<string>;
  /** Their updates that they do not know to be accepted. */
  unanswered: string[] = [];

  constructor(private readonly room: MiniRoom) {
    this.history = new History({
      get: (key) => room.get(key),
      update: (changes) => this.update(...changes),
    });
  }

  /** Makes an update and returns its id. */
  update(...changes: Change[]): string {
    const before = new Map(changes.map((change) => [keyOf(change), this.room.get(keyOf(change))]));
    this.room.update(changes, this);
    const id = `u${++ids}`;
    this.history.made(id, changes, before);
    this.unanswered.push(id);
    return id;
  }

  /** Learns that all updates so far were accepted. */
  answered(): void {
    for (const id of this.unanswered.splice(0)) this.history.resolved(id, true);
    this.history.settle();
  }
}

const CARD = { collection: "cards", id: "1" };

/** Changes of the one card that most tests are about. */
export const card = {
  key: keyOf(CARD),
  put: (data: ObjectValue): Change => ({ ...CARD, op: "put", data }),
  delete: (): Change => ({ ...CARD, op: "delete" }),
  set: (path: string, value: Value): Change => ({ ...CARD, op: "set", path, value }),
  unset: (path: string): Change => ({ ...CARD, op: "unset", path }),
  add: (path: string, by: number): Change => ({ ...CARD, op: "add", path, by }),
  merge: (data: ObjectValue): Change => ({ ...CARD, op: "merge", data }),
  splice: (at: number, remove: number, insert: string | Value[], path = "/text"): Change => ({
    ...CARD,
    op: "splice",
    path,
    at,
    remove,
    insert,
  }),
};

/** The value at `path` of that card. */
export const valueAt = (room: MiniRoom, path = "/text"): Value | undefined => {
  const record = room.get(card.key);
  return record && find(record.data, path);
};
