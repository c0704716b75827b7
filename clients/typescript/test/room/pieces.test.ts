import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Backoff } from "../../src/backoff";
import { address } from "../../src/connect";
import { type Complaint, verdict } from "../../src/ending";
import { keyBetween } from "../../src/index";
import { statusOf } from "../../src/status";
import { textField } from "../../src/text";
import type { Code } from "../../src/types";

describe("backoff", () => {
  const options = { baseMs: 100, maxMs: 5000 };

  test("the longest pause doubles up to the maximum", () => {
    const backoff = new Backoff(options);
    const pauses = Array.from({ length: 8 }, () => backoff.pause(1));
    expect(pauses).toEqual([100, 200, 400, 800, 1600, 3200, 5000, 5000]);
  });

  test("the jitter is full", () => {
    expect(new Backoff(options).pause(0)).toBe(0);
    expect(new Backoff(options).pause(0.5)).toBe(50);
  });

  test("only a connection that lasted resets it", () => {
    const backoff = new Backoff(options);
    for (let i = 0; i < 3; i++) backoff.pause(0);
    backoff.lived(700);
    expect(backoff.pause(1)).toBe(800);
    backoff.lived(1600);
    expect(backoff.pause(1)).toBe(100);
  });

  test("it stays within bounds after any number of failures", () => {
    const backoff = new Backoff(options);
    for (let i = 0; i < 3000; i++) backoff.pause(1);
    expect(backoff.pause(1)).toBe(5000);
  });
});

describe("endings", () => {
  const complaint = (code: Code, retryAfterMs?: number): Complaint => ({
    at: 0,
    code,
    message: "words",
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  });
  const after = (close: number | undefined, last?: Complaint, joined = true, now = 1) =>
    verdict(close, "", last, joined, now);

  test("e2 final close codes end the room", () => {
    for (const code of [1000, 4000, 4001, 4009, 4401, 4403, 4408, 4999]) {
      expect([code, after(code).final]).toEqual([code, true]);
    }
  });

  test("e2 other endings are retried", () => {
    for (const code of [undefined, 1001, 1005, 1006, 1011, 1012, 1013, 3000]) {
      expect([code, after(code)]).toEqual([code, expect.objectContaining({ final: false, retryAfterMs: 0 })]);
    }
  });

  test("e2 retryAfterMs of the ERROR counts, within bounds", () => {
    expect(after(1012, complaint("SHUTTING_DOWN", 1500)).retryAfterMs).toBe(1500);
    expect(after(1006, complaint("SHUTTING_DOWN", 1500)).retryAfterMs).toBe(1500);
    expect(after(1013, complaint("ROOM_FULL", 2 ** 53)).retryAfterMs).toBe(600_000);
  });

  test("an old ERROR is not the reason", () => {
    const late = after(1006, complaint("SHUTTING_DOWN", 1500), true, 10_000);
    expect(late).toMatchObject({ retryAfterMs: 0, reason: "the connection was lost" });
    expect(late.code).toBeUndefined();
  });

  test("c5 superseded is final even without the close frame", () => {
    for (const verdict of [after(4001), after(1006, complaint("SUPERSEDED"))]) {
      expect(verdict).toMatchObject({ final: true, code: "SUPERSEDED" });
      expect(verdict.reason).toContain("elsewhere");
    }
  });

  test("c3 a refused JOIN is final, a refused PRESENCE is not", () => {
    const forbidden = complaint("FORBIDDEN");
    expect(after(1006, forbidden, false)).toMatchObject({ final: true, code: "FORBIDDEN", reason: "words" });
    expect(after(1006, forbidden, true).final).toBe(false);
  });
});

describe("status", () => {
  const refusing = { staleAfterMs: 1000, whenStale: "refuse" } as const;
  const queueing = { staleAfterMs: 1000, whenStale: "queue" } as const;
  const none = { reason: undefined, code: undefined, retryAt: undefined };
  const joined = (live: boolean, contact = 0) => ({
    ...none,
    phase: "joined" as const,
    isLive: () => live,
    contact,
  });
  const offline = { ...none, phase: "offline" as const, isLive: () => false, contact: 0, reason: "lost" };
  const replica = (...pending: string[]) => ({ pending: () => pending, lag: () => 0 });

  test("it is another object only when something changed", () => {
    const first = statusOf(undefined, joined(true), replica(), refusing, 5);
    expect(statusOf(first, joined(true, 4), replica(), refusing, 9)).toBe(first);
    const second = statusOf(first, joined(true), replica("u-1"), refusing, 10);
    expect(second).toMatchObject({ state: "live", pending: 1, since: 5 });
    const third = statusOf(second, joined(false), replica("u-1"), refusing, 11);
    expect(third).toMatchObject({ state: "syncing", since: 11 });
  });

  test("what is not live for long is stale, and says whether writes are taken", () => {
    const at = (
      connection: Parameters<typeof statusOf>[1],
      now: number,
      options = refusing as typeof refusing | typeof queueing,
    ) => statusOf(undefined, connection, replica(), options, now);
    expect(at(offline, 999)).toMatchObject({ state: "offline", canWrite: true });
    expect(at(offline, 1000)).toMatchObject({ state: "stale", canWrite: false });
    expect(at(offline, 1000, queueing)).toMatchObject({ state: "stale", canWrite: true });
    expect(at(joined(true), 1000).state).toBe("live");
    expect(at(joined(false, 900), 1000).state).toBe("syncing");
    expect(at({ ...offline, phase: "closed" }, 1000, queueing)).toMatchObject({
      state: "closed",
      canWrite: false,
    });
  });
});

describe("addresses", () => {
  test.each([
    ["http://example.org", "ws://example.org/v1/ws"],
    ["https://example.org/", "wss://example.org/v1/ws"],
    ["ws://localhost:7700?x=1#y", "ws://localhost:7700/v1/ws?x=1"],
    ["wss://example.org/other/path", "wss://example.org/other/path"],
  ])("%s", (url, expected) => {
    expect(address(url)).toBe(expected);
  });

  test("what cannot work says why", () => {
    expect(() => address("ftp://example.org")).toThrow("must begin with");
    expect(() => address("example.org")).toThrow();
  });
});

describe("sort keys", () => {
  test("are between, and never equal", () => {
    fc.assert(
      fc.property(fc.array(fc.nat()), (places) => {
        const keys: string[] = [];
        for (const place of places) {
          const at = place % (keys.length + 1);
          keys.splice(at, 0, keyBetween(keys[at - 1] ?? null, keys[at] ?? null));
        }
        expect(keys).toEqual([...new Set(keys)].sort());
        for (const key of keys) expect(key).toMatch(/^[0-9A-Za-z]+$/);
      }),
    );
  });

  test("two people at one place get different keys that both sort there", () => {
    const steps = fc.array(fc.boolean(), { maxLength: 40 });
    fc.assert(
      fc.property(steps, fc.boolean(), (steps, left) => {
        let before = keyBetween(null, null);
        let after = keyBetween(before, null);
        for (const step of steps) {
          const [one = "", two = ""] = [keyBetween(before, after), keyBetween(before, after)].sort();
          fc.pre(one !== two);
          const between = keyBetween(one, two);
          expect([before, one, between, two, after]).toEqual([before, one, between, two, after].sort());
          [before, after] = step === left ? [one, two] : step ? [two, after] : [before, one];
        }
      }),
    );
    const keys = new Set(Array.from({ length: 100 }, () => keyBetween(null, null)));
    expect(keys.size).toBeGreaterThan(95);
  });

  test.each([
    ["at the end", (keys: string[]) => keys.length],
    ["at the start", () => 0],
    ["behind the first", () => 1],
    ["ahead of the last", (keys: string[]) => keys.length - 1],
    ["behind the one before", (_: string[], i: number) => i],
    ["at random", (keys: string[], i: number) => (i * 2654435761) % keys.length],
  ])("stay short %s", (_, place) => {
    const keys = [keyBetween(null, null)];
    keys.push(keyBetween(keys[0] ?? null, null));
    for (let i = 0; i < 5000; i++) {
      const at = place(keys, i);
      keys.splice(at, 0, keyBetween(keys[at - 1] ?? null, keys[at] ?? null));
    }
    expect(Math.max(...keys.map((key) => key.length))).toBeLessThan(30);
    expect(keys).toEqual([...keys].sort());
  });

  test("grow by less than a character where each is between the last two", () => {
    let [low, high] = [keyBetween(null, null), ""];
    high = keyBetween(low, null);
    for (let i = 0; i < 1000; i++) {
      const key = keyBetween(low, high);
      if (i % 2) low = key;
      else high = key;
    }
    expect(low.length).toBeLessThan(1000);
  });

  test("what is not in order, or not such a key, is refused", () => {
    const key = keyBetween(null, null);
    expect(() => keyBetween(key, key)).toThrow(RangeError);
    expect(() => keyBetween(keyBetween(key, null), key)).toThrow(RangeError);
    expect(() => keyBetween("!", null)).toThrow("not a key");
  });
});

describe("text", () => {
  /** A text alone, spliced as the protocol does it: by code points. */
  function fieldOf(start: string | undefined) {
    let value = start;
    const field = textField<void>({
      value: () => value,
      splice: (at, remove, insert) => {
        const points = [...(value ?? "")];
        if (at < 0 || remove < 0 || at + remove > points.length) throw new RangeError("outside");
        points.splice(at, remove, String(insert));
        value = points.join("");
      },
    });
    return { field, value: () => value };
  }

  const units = fc.string({ unit: fc.constantFrom("a", "b", "😀", "😁", "🙀", "é", "e\u0301", "👩‍👩") });

  test("replace makes one text the other by one splice", () => {
    fc.assert(
      fc.property(units, units, (before, after) => {
        const { field, value } = fieldOf(before);
        field.replace(after);
        expect(value()).toBe(after);
      }),
    );
    expect(fieldOf("same").field.replace("same")).toBeUndefined();
  });

  test("replace touches only what differs, and no half characters", () => {
    const spliced: unknown[] = [];
    const field = textField({
      value: () => "a😀b😁c",
      splice: (...splice) => spliced.push(splice),
    });
    field.replace("a😁b😁c");
    field.replace("a😀b😀c");
    field.replace("a😀b😁😁c");
    expect(spliced).toEqual([
      [1, 1, "😁"],
      [3, 1, "😀"],
      [4, 0, "😁"],
    ]);
  });

  test("positions are those of JavaScript's strings", () => {
    const { field, value } = fieldOf("a😀b");
    field.insert(3, "X");
    expect(value()).toBe("a😀Xb");
    field.remove(1, 2);
    expect(value()).toBe("aXb");
    const middle = fieldOf("😀");
    middle.field.insert(1, "X");
    expect(middle.value()).toBe("X😀");
    expect(() => field.insert(4, "x")).toThrow("outside");
    expect(() => field.insert(-1, "x")).toThrow("outside");
    expect(() => field.remove(2, 2)).toThrow("outside");
  });

  test("a caret stays where it is in the text", () => {
    const { field } = fieldOf("");
    expect(field.map(5, "Hello world", "Hello, world")).toBe(5);
    expect(field.map(6, "Hello world", "Hello, world")).toBe(7);
    expect(field.map(11, "Hello world", "Oh, Hello world")).toBe(15);
    expect(field.map(3, "Hello", "Ho")).toBe(1);
    expect(field.map(5, "Hello", "")).toBe(0);
    fc.assert(
      fc.property(units, units, fc.nat(), (before, after, n) => {
        const position = n % (before.length + 1);
        const mapped = field.map(position, before, after);
        expect(mapped).toBeGreaterThanOrEqual(0);
        expect(mapped).toBeLessThanOrEqual(after.length);
        // What stands on both sides of the difference is kept.
        if (after.startsWith(before)) expect(mapped === position || mapped >= before.length).toBe(true);
      }),
    );
  });
});
