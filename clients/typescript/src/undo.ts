/** Undo and redo of own updates in a shared room: an option of `connect`. */

import { Concurrent } from "./concurrent.js";
import type { Key } from "./key.js";
import { find } from "./path.js";
import { foreign } from "./replica/foreign.js";
import type { Extent } from "./splice.js";
import type { Change, Rec, Value } from "./types.js";
import { deedsOf, joined, leave, type Part, splicesOf } from "./undo/parts.js";
import { planOf } from "./undo/plan.js";
import { equal, isArray } from "./value.js";

/** Updates of typing in one text that follow each other within so many milliseconds are one step. */
const TYPING_MS = 700;
const STEPS = 100;

/** What a history needs of its room. */
export interface UndoHost<Result> {
  /** The record as the view has it. */
  get(key: Key): Rec | undefined;
  /** Makes an update as any other, which is told to {@link History.made} before this returns. */
  update(changes: readonly Change[]): Result;
}

/** A value that others spliced. */
interface Coming {
  readonly key: Key;
  readonly path: string;
  /** Its elements as they will be; undefined: what was inserted. */
  elements: readonly (Value | undefined)[];
  /** What was moved over that. */
  readonly parts: Set<Part>;
}

/**
 * Has a room remember its own updates so that `room.undo()` can take them back: `connect(url, { room, undo })`. It takes
 * back what this client did since it connected, the last step first, and leaves what others did since.
 *
 * A step is an update, or several that type in one text within 700 ms of each other; 100 steps are kept.
 */
export const undo = <Result>(host: UndoHost<Result>): History<Result> => new History(host);

/**
 * One's own updates, to be undone and redone: they are taken back, and what others did stays.
 *
 * The splices on a stack apply one after the other, the last first, to the value that each of them has `seen`: others'
 * splices move them over, and when it is not what the view has then, they are not made.
 */
export class History<Result> {
  /** The latest first. */
  private undos: Part[] = [];
  private redos: Part[] = [];
  /** What the update that is being made does. */
  private doing: "undo" | "redo" | undefined;
  private step = 0;
  private groups = 0;
  /** The text of the last update, and when it was typed. */
  private typing: [place: string, at: number] | undefined;
  /** Values that others spliced, which the view is about to have. */
  private coming = new Map<string, Coming>();

  /** @param host The room. */
  constructor(private readonly host: UndoHost<Result>) {}

  /** Whether {@link undo} would do something. */
  canUndo(): boolean {
    return this.next(this.undos).changes.length > 0;
  }

  /** Whether {@link redo} would do something. */
  canRedo(): boolean {
    return this.next(this.redos).changes.length > 0;
  }

  /**
   * Takes note of an own update, right after `Replica.update`.
   * @param before The records it names as the view had them before.
   */
  made(id: string, changes: readonly Change[], before: ReadonlyMap<Key, Rec | undefined>): void {
    const deeds = deedsOf(changes, before, this.host.get);
    const [first, another] = deeds;
    if (!first) return;
    for (const deed of deeds) {
      if (!deed.splices) continue;
      const was = valueIn(before.get(deed.key), deed.path);
      for (const stack of [this.undos, this.redos]) {
        for (const other of splicesOf(stack, deed)) if (equal(other.seen, was)) other.seen = deed.seen;
      }
    }
    this.begin(first.splices && !another && !this.doing ? placeOf(first) : "");
    const { step } = this;
    const parts = deeds.map((deed) => ({ ...deed, id, step }));
    if (this.doing === "undo") this.redos.unshift(...parts);
    else {
      if (!this.doing) this.redos = [];
      const undos = joined([...parts, ...this.undos], true);
      const steps = [...new Set(undos.map((part) => part.step))];
      this.undos = undos.filter((part) => part.step !== steps[STEPS]);
    }
  }

  /** To be `Replica.onForeign`. */
  readonly moved = foreign((key, path, extents) => this.foreign(key, path, extents));

  /** Others' splices move a value of the view, which does not show it yet. */
  foreign(key: Key, path: string, extents: readonly Extent[]): void {
    const place = { key, path };
    const rows = [splicesOf(this.undos, place), splicesOf(this.redos, place)];
    if (!rows.some((row) => row.length)) return;
    const now = valueIn(this.host.get(key), path);
    const coming = this.coming.get(placeOf(place)) ?? {
      ...place,
      elements: elementsOf(now),
      parts: new Set(),
    };
    this.coming.set(placeOf(place), coming);
    for (const { at, remove, insert } of extents) {
      const { elements } = coming;
      coming.elements = [
        ...elements.slice(0, at),
        ...Array<undefined>(insert),
        ...elements.slice(at + remove),
      ];
    }
    for (const row of rows) {
      // What they insert does not matter here, only how much.
      const theirs = new Concurrent(
        extents.map((extent) => ({ ...extent, insert: " ".repeat(extent.insert) })),
      );
      for (const part of row) {
        if (!coming.parts.has(part) && !equal(part.seen, now)) continue;
        part.splices = part.splices?.flatMap((splice) => theirs.rebase(splice)) ?? [];
        coming.parts.add(part);
      }
    }
  }

  /** Takes note of what became of an own update (event `resolved`): without effect it leaves the history. */
  resolved(id: string, accepted: boolean): void {
    for (const part of [...this.undos, ...this.redos]) {
      if (part.id !== id) continue;
      part.id = undefined;
      part.gone = !accepted;
    }
  }

  /** The view has taken what {@link foreign} and {@link resolved} told; before the application sees it. */
  settle(): void {
    for (const { key, path, elements, parts } of this.coming.values()) {
      const now = valueIn(this.host.get(key), path);
      // Anything else than they said, such as another value in its place, and it stays as it is.
      const seen = isLike(now, elements) ? now : undefined;
      for (const part of parts) part.seen = seen;
    }
    this.coming.clear();
    let gone = false;
    for (const stack of [this.undos, this.redos]) {
      for (const part of stack) {
        if (!part.gone) continue;
        gone = true;
        if (part.splices) leave(part, stack);
      }
    }
    if (!gone) return;
    this.undos = this.undos.filter((part) => !part.gone);
    this.redos = [];
  }

  /** Undoes the last step that leaves something to undo, if there is one. Throws what the host's `update` throws. */
  undo(): Result | undefined {
    return this.take("undo", "undos");
  }

  /** Does again what was undone last. Throws what the host's `update` throws. */
  redo(): Result | undefined {
    return this.take("redo", "redos");
  }

  /** Makes all updates in `fn` one step. */
  group<T>(fn: () => T): T {
    if (!this.groups++) this.step++;
    try {
      return fn();
    } finally {
      this.groups--;
      this.typing = undefined;
    }
  }

  private take(doing: "undo" | "redo", from: "undos" | "redos"): Result | undefined {
    const stack = this[from];
    const { parts, rest, changes } = this.next(stack);
    if (!changes.length) return undefined;
    this.doing = doing;
    this[from] = rest;
    try {
      const result = this.host.update(changes);
      for (const part of parts) if (part.splices) leave(part, [...parts, ...rest]);
      return result;
    } catch (error) {
      this[from] = stack;
      throw error;
    } finally {
      this.doing = undefined;
    }
  }

  /** The first step of `stack` that leaves something to do, and what comes after it. */
  private next(stack: readonly Part[]): { parts: Part[]; rest: Part[]; changes: Change[] } {
    let rest = [...stack];
    for (;;) {
      const step = rest[0]?.step;
      const parts = joined(rest.filter((part) => part.step === step));
      const changes = planOf(parts, this.host.get);
      rest = rest.filter((part) => part.step !== step);
      if (changes.length || !rest.length) return { parts, rest, changes };
    }
  }

  /** Begins the step of an update that types at `place`, or does something else. */
  private begin(place: string): void {
    const [last, at] = this.typing ?? ["", 0];
    const now = Date.now();
    this.typing = [place, now];
    const goesOn = this.groups ? !this.doing : place && place === last && now - at <= TYPING_MS;
    if (!goesOn) this.step++;
  }
}

const placeOf = ({ key, path }: Pick<Part, "key" | "path">): string => `${key}\n${path}`;

const valueIn = (record: Rec | undefined, path: string): Value | undefined =>
  record && find(record.data, path);

const elementsOf = (value: Value | undefined): (Value | undefined)[] =>
  typeof value === "string" || isArray(value) ? [...value] : [];

/** Whether `value` has the elements of `pattern`, in which undefined is any. */
function isLike(value: Value | undefined, pattern: readonly (Value | undefined)[]): boolean {
  const elements = elementsOf(value);
  return (
    elements.length === pattern.length &&
    elements.every((element, i) => pattern[i] === undefined || equal(element, pattern[i]))
  );
}
