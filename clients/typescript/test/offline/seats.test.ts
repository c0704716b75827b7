import { describe, expect, test } from "vitest";
import { Browser, until } from "./browser.js";
import { saved, write } from "./values.js";

describe("seats", () => {
  test("n2 the client key is stored before the seat is given out", async () => {
    const browser = new Browser();
    const seat = await browser.tab().open();
    expect(seat.clientKey).toMatch(/^[A-Za-z0-9_-]{22}$/);
    expect(await browser.rows("seats")).toMatchObject([{ clientKey: seat.clientKey, waiting: 0 }]);
    expect(seat.take()).toBeUndefined();
  });

  test("two tabs that are open at once have two seats", async () => {
    const browser = new Browser();
    const [one, two] = await Promise.all([browser.tab().open(), browser.tab().open()]);
    expect(one.clientKey).not.toBe(two.clientKey);
  });

  test("a tab that opens a room twice has two seats", async () => {
    const tab = new Browser().tab();
    const [one, two] = [await tab.open(), await tab.open()];
    expect(one.clientKey).not.toBe(two.clientKey);
  });

  test("a reloaded tab has the seat it had, whatever others left", async () => {
    const browser = new Browser();
    const other = browser.tab();
    const tab = browser.tab();
    const seat = await tab.open();
    await (await other.open()).write(write([saved("u")]));
    other.crash();
    expect((await tab.reload().open()).clientKey).toBe(seat.clientKey);
  });

  test("a duplicated tab has a seat of its own, and keeps it over a reload", async () => {
    const browser = new Browser();
    const tab = browser.tab();
    const seat = await tab.open();
    const copy = tab.duplicate();
    const second = await copy.open();
    expect(second.clientKey).not.toBe(seat.clientKey);
    expect((await copy.reload().open()).clientKey).toBe(second.clientKey);
    expect((await tab.reload().open()).clientKey).toBe(seat.clientKey);
  });

  test("a new tab takes a free seat, with pending updates before without", async () => {
    const browser = new Browser();
    const tabs = [browser.tab(), browser.tab(), browser.tab()];
    const seats = await Promise.all(tabs.map((tab) => tab.open()));
    await seats[0]?.write(write([saved("u")]));
    await seats[1]?.write(write([]));
    await seats[2]?.write(write([]));
    for (const tab of tabs) tab.crash();
    const heirs = [await browser.tab().open(), await browser.tab().open()];
    expect(heirs[0]?.clientKey).toBe(seats[0]?.clientKey);
    expect([seats[1]?.clientKey, seats[2]?.clientKey]).toContain(heirs[1]?.clientKey);
    expect(heirs[0]?.take()?.pending.queue).toEqual([saved("u")]);
  });

  test("a seat is free after close, and not before", async () => {
    const browser = new Browser();
    const seat = await browser.tab().open();
    expect((await browser.tab().open()).clientKey).not.toBe(seat.clientKey);
    await seat.close();
    expect((await browser.tab().open()).clientKey).toBe(seat.clientKey);
  });

  test("rooms, servers and users have seats of their own", async () => {
    const browser = new Browser();
    const seats = [
      await browser.tab().open(),
      await browser.tab().open({ room: "s" }),
      await browser.tab().open({ url: "ws://elsewhere/v1/ws" }),
      await browser.tab(new Map(), { user: "ada" }).open(),
    ];
    for (const seat of seats) await seat.close();
    expect((await browser.tab().open({ room: "s" })).clientKey).toBe(seats[1]?.clientKey);
    expect((await browser.tab().open({ url: "https://elsewhere/" })).clientKey).not.toBe(seats[2]?.clientKey);
    expect((await browser.tab().open({ url: "http://elsewhere/?token=1" })).clientKey).toBe(
      seats[2]?.clientKey,
    );
    expect((await browser.tab(new Map(), { user: "ada" }).open()).clientKey).toBe(seats[3]?.clientKey);
  });

  test("a client key that the application gives has its own seat, in one tab at a time", async () => {
    const browser = new Browser();
    const clientKey = "given-by-the-application";
    const seat = await browser.tab().open({ clientKey });
    expect(seat.clientKey).toBe(clientKey);
    await seat.write(write([saved("u")]));
    const second = browser.tab();
    expect((await second.open({ clientKey })).clientKey).toBe(clientKey);
    expect(second.warnings).toEqual([expect.stringContaining("another tab has the seat of this client key")]);
    await seat.close();
    expect((await browser.tab().open()).clientKey).not.toBe(clientKey);
    expect((await browser.tab().open({ clientKey })).take()?.pending.queue).toEqual([saved("u")]);
  });

  test("of many empty seats a few are kept", async () => {
    const browser = new Browser();
    const tabs = [1, 2, 3, 4, 5, 6].map(() => browser.tab());
    const seats = await Promise.all(tabs.map((tab) => tab.open()));
    await seats[0]?.write(write([saved("u")]));
    for (const tab of tabs) tab.crash();
    const seat = await browser.tab().open();
    seat.live?.();
    await until(async () => (await browser.rows("seats")).length === 3);
    expect((await browser.rows("seats")).length).toBe(3);
    await seat.close();
  });
});
