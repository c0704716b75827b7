import { forceCloseDatabase, IDBFactory } from "fake-indexeddb";
import { describe, expect, test } from "vitest";
import { Browser, done } from "./browser.js";
import { record, saved, write } from "./values.js";

const IN_MEMORY = "changes are kept in memory only";

describe("a browser that cannot store", () => {
  test("without IndexedDB or Web Locks, rooms are kept in memory, and that is said", async () => {
    const { browserStore } = await import("../../src/offline.js");
    const warnings: string[] = [];
    const warn = (message: string) => void warnings.push(message);
    const store = browserStore();
    const seat = await store.open({ url: "ws://localhost/v1/ws", room: "r", warn });
    await seat.write(write([saved("u")]));
    await seat.close();
    const again = await store.open({ url: "ws://localhost/v1/ws", room: "r", warn });
    expect(again.take()?.pending.queue).toEqual([saved("u")]);
    await again.close();
    await store.forget("http://localhost", "r");
    expect(
      (await store.open({ url: "ws://localhost/v1/ws", room: "r", warn: () => {} })).take(),
    ).toBeUndefined();
    expect(warnings).toHaveLength(2);
    expect(warnings[0]).toBe(
      `${IN_MEMORY}: there are no Web Locks here; they need a secure context (https or localhost)`,
    );
  });

  test("a database that cannot be opened, as in private windows", async () => {
    const browser = new Browser();
    browser.indexedDB.open = () => {
      throw new DOMException("A mutation operation was attempted …", "InvalidStateError");
    };
    const tab = browser.tab();
    await (await tab.open()).write(write([saved("u")]));
    expect(tab.warnings).toEqual([expect.stringContaining(IN_MEMORY)]);
  });

  test("a database that never answers, or is blocked", async () => {
    const browser = new Browser();
    const open = browser.indexedDB.open.bind(browser.indexedDB);
    browser.indexedDB.open = (name) => open(`${name}-elsewhere`);
    const silent = new Proxy(open("never"), { get: () => () => {}, set: () => true });
    browser.indexedDB.open = () => silent;
    const tab = browser.tab(new Map(), { patienceMs: 20 });
    await (await tab.open()).write(write([saved("u")]));
    expect(tab.warnings).toEqual([`${IN_MEMORY}: the browser's storage does not answer`]);
  });

  test("a full storage: the write rejects in words, what was stored stays, and the next one may succeed", async () => {
    const browser = new Browser();
    const tab = browser.tab();
    const seat = await tab.open();
    await seat.write(write([saved("u")], [record("a")]));
    browser.full = true;
    await expect(seat.write(write([saved("u"), saved("v")], [record("b")]))).rejects.toThrow(
      "the browser's storage is full",
    );
    expect(await browser.rows("pending")).toEqual([saved("u")]);
    browser.full = false;
    await seat.write(write([saved("v"), saved("w")], [record("b")]));
    expect(await browser.rows("pending")).toEqual([saved("v"), saved("w")]);
    expect(await browser.rows("records")).toEqual([record("a"), record("b")]);
  });

  test("a database that is deleted while it is open: nothing is stored in part", async () => {
    const browser = new Browser();
    const tab = browser.tab();
    const seat = await tab.open();
    await seat.write(write([saved("u")]));
    await done(browser.indexedDB.deleteDatabase("revring"));
    await expect(seat.write(write([saved("u"), saved("v")], [record("a")]))).rejects.toThrow(
      "has been removed",
    );
    expect(await (await browser.tab().open()).take()).toBeUndefined();
    await expect(seat.write(write([saved("u"), saved("v")], [record("a")]))).rejects.toThrow(
      "has been removed",
    );
  });

  test("a database that the browser closes is opened again", async () => {
    const browser = new Browser();
    const tab = browser.tab();
    const seat = await tab.open();
    await seat.write(write([saved("u")]));
    for (const database of tab.databases) forceCloseDatabase(database as never);
    await seat.write(write([saved("u"), saved("v")], [record("a")]));
    expect(await browser.rows("pending")).toEqual([saved("u"), saved("v")]);
  });
});

describe("what is stored by others", () => {
  test("a seat of another format is put aside: neither read nor removed", async () => {
    const browser = new Browser();
    const tab = browser.tab();
    const seat = await tab.open();
    await seat.write(write([saved("u")], [record("a")]));
    const [row] = await browser.rows("seats");
    tab.crash();
    await browser.put("seats", Object.assign({}, row, { format: 2 }));
    const next = await browser.tab(tab.session).open();
    expect(next.clientKey).not.toBe(seat.clientKey);
    expect(next.take()).toBeUndefined();
    next.live?.();
    expect(await browser.rows("pending")).toEqual([saved("u")]);
  });

  test.each([
    ["an update without changes", "pending", { id: "u", aliases: [], changes: [] }, [1]],
    ["an update that is none", "pending", "torn", [1]],
    [
      "a change of a kind that does not exist",
      "pending",
      saved("u", { changes: [Object.assign({}, { op: "burn" })] as never }),
      [1],
    ],
    ["a record without version", "records", { collection: "c", id: "a", data: {} }, ["c", "a"]],
  ] as const)("%s is put aside, and that is said", async (_, store, value, place) => {
    const browser = new Browser();
    const tab = browser.tab();
    const seat = await tab.open();
    await seat.write(write([saved("u")], [record("a")]));
    const [row] = await browser.rows("seats");
    tab.crash();
    await browser.put(store, value, [row instanceof Object && "id" in row ? String(row.id) : "", ...place]);
    const next = browser.tab(tab.session);
    expect((await next.open()).clientKey).not.toBe(seat.clientKey);
    expect(next.warnings).toEqual([expect.stringContaining("cannot be read and is put aside")]);
    const later = browser.tab();
    await later.open();
    expect(later.warnings).toEqual([]);
    expect(await browser.rows("pending")).toHaveLength(1);
  });

  test("a database of a later version is left alone; this one keeps its own beside it", async () => {
    const browser = new Browser();
    browser.indexedDB = new IDBFactory();
    (await done(browser.indexedDB.open("revring", 7))).close();
    const tab = browser.tab();
    const seat = await tab.open();
    await seat.write(write([saved("u")]));
    expect(tab.warnings).toEqual([]);
    expect(await browser.rows("pending", "revring.v1")).toEqual([saved("u")]);
    expect((await tab.reload().open()).take()?.pending.queue).toEqual([saved("u")]);
  });

  test("a database of this name with other contents is left alone", async () => {
    const browser = new Browser();
    const request = browser.indexedDB.open("revring", 1);
    request.onupgradeneeded = () => void request.result.createObjectStore("theirs");
    (await done(request)).close();
    const tab = browser.tab();
    await (await tab.open()).write(write([saved("u")]));
    expect(await browser.rows("pending", "revring.v1")).toEqual([saved("u")]);
  });
});

describe("forget", () => {
  test("removes what is stored of a room, of a server, or all", async () => {
    const browser = new Browser();
    const fill = async () => {
      const places = [
        { url: "ws://one/", room: "r" },
        { url: "ws://one/", room: "s" },
        { url: "ws://two/", room: "r" },
      ];
      for (const place of places) {
        const seat = await browser.tab().open(place);
        await seat.write(write([saved("u")], [record("a")]));
        await seat.close();
      }
      const other = await browser.tab(new Map(), { user: "ada" }).open();
      await other.write(write([saved("u")]));
      await other.close();
    };
    const left = async () => (await browser.rows("pending")).length;
    const { store } = browser.tab();
    await fill();
    await store.forget("http://one", "r");
    expect(await left()).toBe(3);
    await store.forget("ws://one");
    expect(await left()).toBe(2);
    await store.forget();
    expect(await left()).toBe(1);
    expect(await browser.rows("records")).toEqual([]);
  });

  test("a room that is still open stores nothing more", async () => {
    const browser = new Browser();
    const tab = browser.tab();
    const seat = await tab.open();
    await seat.write(write([saved("u")], [record("a")]));
    await browser.tab().store.forget();
    await expect(seat.write(write([saved("v")], [record("b")]))).rejects.toThrow("removed");
    await expect(seat.write(write([saved("v")], [record("b")]))).rejects.toThrow("removed");
    expect(await browser.rows("records")).toEqual([]);
    expect(await browser.rows("pending")).toEqual([0]);
    expect(await browser.rows("seats")).toEqual([expect.not.objectContaining({ clientKey: seat.clientKey })]);
    await seat.close();
    const next = browser.tab();
    const after = await next.open();
    expect(after.clientKey).not.toBe(seat.clientKey);
    expect(after.take()).toBeUndefined();
  });
});
