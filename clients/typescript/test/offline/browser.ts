/** A browser with tabs: one database and one set of locks, shared by tabs that can be reloaded, copied, closed and crash. */

import "fake-indexeddb/auto";
import { IDBFactory } from "fake-indexeddb";
import type { ConnectOptions, Room } from "../../src/index.js";
import type { Platform } from "../../src/offline/platform.js";
import { type BrowserStoreOptions, browserStore } from "../../src/offline.js";
import type { Seat, SeatRequest, Store } from "../../src/store.js";
import { Locks } from "../support/locks.js";
import { openRoom } from "../support/rooms.js";
import { Line } from "./line.js";

/** Short enough for tests: a seat is handed over at the second look. */
const EVERY_MS = 50;

/** See the file. */
export class Browser {
  indexedDB: IDBFactory = new IDBFactory();
  readonly locks = new Locks();
  /** No transaction of a tab that writes is committed. */
  full = false;
  /** How long its tabs leave a free seat to the tab that had it, in milliseconds. */
  graceMs = 20;

  tab(session = new Map<string, string>(), options: BrowserStoreOptions = {}): Tab {
    return new Tab(this, session, options);
  }

  /** What stands in a store of the database `name`. */
  async rows(store: "seats" | "pending" | "records", name = "revring"): Promise<unknown[]> {
    const database = await done(this.indexedDB.open(name));
    const rows = await done(database.transaction(store).objectStore(store).getAll());
    database.close();
    return rows;
  }

  /** Puts `value` into a store of the database behind the back of all tabs. */
  async put(store: "seats" | "pending" | "records", value: unknown, key?: IDBValidKey): Promise<void> {
    const database = await done(this.indexedDB.open("revring"));
    await done(database.transaction(store, "readwrite").objectStore(store).put(value, key));
    database.close();
  }
}

/** A tab: its own session memory, its own locks, its own connections. */
export class Tab {
  readonly store: Store;
  readonly warnings: string[] = [];
  /** What it has opened. */
  readonly databases: IDBDatabase[] = [];
  readonly line = new Line();
  /** How often it has looked for what closed tabs left. */
  looks = 0;
  private alive = true;

  constructor(
    private readonly browser: Browser,
    readonly session: Map<string, string>,
    private readonly options: BrowserStoreOptions,
  ) {
    const locks = browser.locks.for(this);
    const query = () => {
      this.looks++;
      return locks.query();
    };
    const platform: Platform = {
      indexedDB: mortal(browser, this.databases, () => this.alive),
      locks: { request: locks.request, query },
      session: {
        getItem: (key) => session.get(key) ?? null,
        setItem: (key, value) => void session.set(key, value),
      },
    };
    this.store = browserStore({
      platform,
      handover: { everyMs: EVERY_MS, graceMs: browser.graceMs },
      ...options,
    });
  }

  open(request: Partial<SeatRequest> = {}): Promise<Seat> {
    const warn = (message: string) => void this.warnings.push(message);
    return this.store.open({ url: "ws://localhost/v1/ws", room: "r", warn, ...request });
  }

  /** Opens the room `room` of the server at `url`. */
  connect(url: string, room: string, options: Partial<ConnectOptions> = {}): Room {
    const { store, line } = this;
    return openRoom(url, { room, store, codec: "json", WebSocket: line.WebSocket, ...options });
  }

  /** Nothing it writes reaches the database any more. */
  loseStorage(): void {
    this.alive = false;
  }

  /** The page is gone, at once: its locks are free, and nothing it does reaches the database or the server any more. */
  crash(): void {
    this.loseStorage();
    this.line.end();
    this.browser.locks.end(this);
  }

  /** The page that comes after this one in the same tab. */
  reload(): Tab {
    this.crash();
    return this.browser.tab(this.session, this.options);
  }

  /** Another tab with a copy of this one's session memory. */
  duplicate(): Tab {
    return this.browser.tab(new Map(this.session), this.options);
  }
}

/** The factory of a page: its databases start no transaction once the page is gone. */
function mortal(browser: Browser, opened: IDBDatabase[], alive: () => boolean): IDBFactory {
  const factory = browser.indexedDB;
  const database = (target: IDBDatabase) => {
    opened.push(target);
    return new Proxy(target, {
      get(from, name) {
        if (name === "transaction" && !alive()) return () => never();
        if (name === "transaction" && browser.full)
          return (...args: [string]) => full(from.transaction(...args));
        const value: unknown = Reflect.get(from, name);
        return typeof value === "function" ? value.bind(from) : value;
      },
      set: (from, name, value) => Reflect.set(from, name, value),
    });
  };
  return new Proxy(factory, {
    get(from, name) {
      if (name !== "open") return Reflect.get(from, name);
      return (...args: [string, number?]) => {
        if (!alive()) return never();
        const request = from.open(...args);
        return new Proxy(request, {
          get(of, key) {
            const value: unknown = Reflect.get(of, key);
            if (key === "result" && value instanceof Object && "transaction" in value)
              return database(of.result);
            return typeof value === "function" ? value.bind(of) : value;
          },
          set: (of, key, value) => Reflect.set(of, key, value),
        });
      };
    },
  });
}

/** `transaction` in a full storage: it ends as browsers end it then. */
function full(transaction: IDBTransaction): IDBTransaction {
  if (transaction.mode === "readonly") return transaction;
  const error = new DOMException("The quota has been exceeded.", "QuotaExceededError");
  return new Proxy(transaction, {
    get(of, name) {
      if (name === "commit") return () => of.abort();
      if (name === "error") return error;
      const value: unknown = Reflect.get(of, name);
      return typeof value === "function" ? value.bind(of) : value;
    },
    set: (of, name, value) => Reflect.set(of, name, value),
  });
}

function never(): never {
  throw new Error("this page is gone");
}

/** What `request` answers. */
export function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** Waits until `met` holds. */
export async function until(met: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await met())) await new Promise((resolve) => setTimeout(resolve, 2));
}
