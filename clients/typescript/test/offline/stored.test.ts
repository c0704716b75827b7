import { forceCloseDatabase } from "fake-indexeddb";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { SavedUpdate } from "../../src/replica/save.js";
import { memoryStore, type Seat, type Store } from "../../src/store.js";
import type { Rec } from "../../src/types.js";
import { Browser, type Tab } from "./browser.js";
import { Model, step } from "./model.js";
import { record, saved, write } from "./values.js";

const byId = (a: Rec, b: Rec) => (a.id < b.id ? -1 : 1);

/** What a tab that comes after `tab` finds. */
async function found(tab: Tab): Promise<{ queue: readonly SavedUpdate[]; records: Rec[] } | undefined> {
  const stored = (await tab.reload().open()).take();
  return stored && { queue: stored.pending.queue, records: [...stored.records] };
}

describe("what is stored", () => {
  test("comes back as it was, awkward names included", async () => {
    const tab = new Browser().tab();
    const data = JSON.parse('{"__proto__": {"a": 1}, "constructor": null, "": [1.5, "ü€😀"]}');
    const odd = [record("x", data), record("ü/😀", {}, "__proto__"), record("b", { n: 1 }, "c d")];
    const update = saved("u", { aliases: ["v"], firstRev: 2, form: { baseRev: 2, changes: [] } });
    await (await tab.open()).write(write([update, saved("w")], odd));
    const back = await found(tab);
    expect(back?.queue).toEqual([update, saved("w")]);
    expect(back?.records).toHaveLength(3);
    expect(back?.records).toEqual(expect.arrayContaining(odd));
  });

  test("many records are stored as one, or not at all", async () => {
    const browser = new Browser();
    const tab = browser.tab();
    const seat = await tab.open();
    const many = Array.from({ length: 1001 }, (_, n) => record(`r${n}`, { n }));
    await seat.write(write([saved("u")], many, true));
    expect(await browser.rows("records")).toHaveLength(1001);
    const torn = seat.write(write([saved("v")], many.slice(0, 900), true));
    tab.loseStorage();
    for (const database of tab.databases) forceCloseDatabase(database as never);
    await expect(torn).rejects.toThrow();
    const back = await found(tab);
    expect(back?.queue).toEqual([saved("u")]);
    expect(back?.records).toHaveLength(1001);
  });

  test("is handed out once", async () => {
    const tab = new Browser().tab();
    await (await tab.open()).write(write([saved("u")]));
    const seat = await tab.reload().open();
    expect(seat.take()).toBeDefined();
    expect(seat.take()).toBeUndefined();
  });

  test.each([
    ["a tab", async () => fromTab(new Browser().tab())],
    ["memory", async () => fromMemory(memoryStore())],
  ])("follows any row of writes: %s", async (_, make) => {
    const property = fc.asyncProperty(fc.array(step, { maxLength: 8 }), async (steps) => {
      const [seat, reopen] = await make();
      const model = new Model();
      for (const { queue, records, all } of steps) await seat.write(model.write(queue, records, all));
      const stored = (await reopen()).take();
      expect(stored?.pending.queue ?? []).toEqual(model.queue);
      expect([...(stored?.records ?? [])].sort(byId)).toEqual([...model.records.values()].sort(byId));
    });
    await fc.assert(property, { numRuns: 50 });
  });

  test("an update that did not change is not written again", async () => {
    const browser = new Browser();
    const seat = await browser.tab().open();
    const queue = Array.from({ length: 50 }, (_, index) => saved(`u${index}`));
    await seat.write(write(queue));
    await browser.put("pending", "untouched", [...(await seatKeys(browser)), 7]);
    await seat.write(write([...queue, saved("new")]));
    expect(await browser.rows("pending")).toContain("untouched");
    expect(await browser.rows("pending")).toHaveLength(51);
  });
});

async function seatKeys(browser: Browser): Promise<string[]> {
  const rows = await browser.rows("seats");
  return rows.flatMap((row) => (row instanceof Object && "id" in row ? [String(row.id)] : []));
}

async function fromTab(tab: Tab): Promise<[Seat, () => Promise<Seat>]> {
  return [await tab.open(), () => tab.reload().open()];
}

async function fromMemory(store: Store): Promise<[Seat, () => Promise<Seat>]> {
  const open = () => store.open({ url: "ws://localhost/v1/ws", room: "r", warn: () => {} });
  const seat = await open();
  return [
    seat,
    async () => {
      await seat.close();
      return open();
    },
  ];
}
