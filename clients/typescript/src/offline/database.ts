/** The IndexedDB database `revring`. */

/** The version of its layout: `seats` by id, `pending` by seat and place, `records` by seat and name. */
const VERSION = 1;

/** The stores of the database. */
export const STORES = ["seats", "pending", "records"] as const;

/** What a seat says whose rows are gone. */
export const REMOVED = "what was stored of this room has been removed";

/** A database that is opened when it is needed, and again after it was closed from outside. */
export class Database {
  /** How often it was closed: what was there before may be gone. */
  times = 0;
  private opened: Promise<IDBDatabase> | undefined;

  /** @param patienceMs How long opening may take: some browsers never answer, in private windows or when blocked. */
  constructor(
    private readonly factory: IDBFactory,
    private readonly name: string,
    private readonly patienceMs: number,
  ) {}

  /**
   * Runs `work` in one transaction. Its result when all is stored; rejects in words when nothing is, because `work`
   * threw or because storing failed. What does not wait for answers is stored even if the page ends right after.
   */
  async run<T>(
    mode: IDBTransactionMode,
    work: (tx: IDBTransaction) => Promise<T> | T,
    strict = false,
  ): Promise<T> {
    this.opened ??= this.open();
    const opened = this.opened;
    try {
      const tx = (await opened).transaction(STORES, mode, { durability: strict ? "strict" : "relaxed" });
      return await finish(tx, work);
    } catch (error) {
      // A connection that is closing starts no transaction; the next attempt gets another one.
      if (error instanceof DOMException && error.name === "InvalidStateError") this.drop(opened);
      throw inWords(error);
    }
  }

  private open(): Promise<IDBDatabase> {
    // What a later version of this package has made is left alone; this one keeps its own beside it.
    const { factory, name, patienceMs } = this;
    const opened = connect(factory, name, patienceMs).catch((error: unknown) => {
      if (error instanceof Foreign) return connect(factory, `${name}.v${VERSION}`, patienceMs);
      throw error;
    });
    const closed = () => this.drop(opened);
    opened.then((database) => {
      database.onclose = closed;
      database.onversionchange = () => {
        closed();
        database.close();
      };
    }, closed);
    return opened;
  }

  private drop(opened: Promise<IDBDatabase>): void {
    if (this.opened !== opened) return;
    this.opened = undefined;
    this.times++;
  }
}

/** The database has another layout than this version of the package knows. */
class Foreign extends Error {
  constructor(name: string) {
    super(`the database ${name} is not one of this version of revring`);
  }
}

function connect(factory: IDBFactory, name: string, patienceMs: number): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = factory.open(name, VERSION);
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      reject(new Error("the browser's storage does not answer"));
    }, patienceMs);
    request.onupgradeneeded = () => {
      const { result } = request;
      result.createObjectStore("seats", { keyPath: "id" });
      result.createObjectStore("pending");
      result.createObjectStore("records");
    };
    request.onsuccess = () => {
      clearTimeout(timer);
      const { result } = request;
      const known = STORES.every((store) => result.objectStoreNames.contains(store));
      if (late || !known) result.close();
      if (known) resolve(result);
      else reject(new Foreign(name));
    };
    request.onerror = () => {
      clearTimeout(timer);
      reject(request.error?.name === "VersionError" ? new Foreign(name) : request.error);
    };
  });
}

function finish<T>(tx: IDBTransaction, work: (tx: IDBTransaction) => Promise<T> | T): Promise<T> {
  return new Promise((resolve, reject) => {
    let result: Promise<T>;
    const fail = (error: unknown) => {
      reject(error);
      try {
        tx.abort();
      } catch {
        // It has ended already.
      }
    };
    tx.oncomplete = () => resolve(result);
    tx.onabort = () => reject(tx.error ?? new Error("the browser took back what was stored"));
    try {
      const done = work(tx);
      if (!(done instanceof Promise)) tx.commit();
      result = Promise.resolve(done);
      result.catch(fail);
    } catch (error) {
      fail(error);
    }
  });
}

/** The result of `request`. */
export function answer<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function inWords(error: unknown): Error {
  if (error instanceof DOMException) {
    if (error.name === "QuotaExceededError")
      return new Error("the browser's storage is full", { cause: error });
    // The one request that may: see `writeSeat`.
    if (error.name === "ConstraintError") return new Error(REMOVED, { cause: error });
  }
  return error instanceof Error ? error : new Error(String(error));
}
