/** One client's connection to a room: made, watched, lost, made again. All sockets and their timers are here. */

import { Backoff, type BackoffOptions } from "./backoff.js";
import type { Codec } from "./codec.js";
import { type Complaint, verdict } from "./ending.js";
import type { Replica } from "./replica/replica.js";
import { isOffline, watchSurroundings } from "./surroundings.js";
import type { ClientMessage, Code, Rev, ServerMessage } from "./types.js";
import { wordsOf } from "./words.js";

/** What the SDK uses of a WebSocket: the browser's, or that of the package `ws`. */
export interface WebSocketLike {
  binaryType: string;
  readonly protocol: string;
  onopen: unknown;
  onmessage: unknown;
  onclose: unknown;
  onerror: unknown;
  send(data: string | Uint8Array<ArrayBuffer>): void;
  close(): void;
}

/** Makes WebSockets. */
export type WebSocketConstructor = new (url: string, protocols: string) => WebSocketLike;

/** Where a connection leads, and how it is made. */
export interface Link {
  /** The address of the server, absolute. */
  readonly url: string;
  readonly codec: Codec;
  /** The access token, or what gives one for each connection. */
  readonly token?: string | (() => string | Promise<string>) | undefined;
  readonly WebSocket: WebSocketConstructor;
  /** How long a token and the handshake may take, and then the answer to `JOIN`, in milliseconds. */
  readonly connectTimeoutMs: number;
  readonly backoff: BackoffOptions;
}

/** What a connection tells. */
export interface ConnectionHooks {
  /** The replica has taken `message`. */
  received(message: ServerMessage): void;
  /** `message` is on its way. */
  sent(message: ClientMessage): void;
  /** Something that can be read from the connection changed. */
  changed(): void;
}

/** How long an answer to a heartbeat may take, in milliseconds: after a silence, and when a page is looked at again. */
const ANSWER_DUE = 10_000;
const ANSWER_DUE_SOON = 3_000;
/** How long a parting may take, in milliseconds. */
const PARTING = 2_000;
/** A server may say less; a false alarm costs more than a late one. */
const SHORTEST_HEARTBEAT = 1_000;
const NEVER = Number.POSITIVE_INFINITY;
const NO_NETWORK = "this device is offline";
const LEFT = "the room was left";

/** Deadlines stay where they are when someone sets the date. */
const clock = () => performance.now();

/** See the module. */
export class Connection {
  phase: "connecting" | "joined" | "offline" | "closed" = "connecting";
  /** Why there is no connection, in words for people. */
  reason: string | undefined;
  /** The server's code for that, if it gave one. */
  code: Code | undefined;
  /** When the next attempt is made, in milliseconds since 1970; undefined: when something asks for it. */
  retryAt: number | undefined;
  /** When something last came from the server, in milliseconds since 1970. */
  contact = Date.now();

  readonly #backoff: Backoff;
  #unwatch: (() => void) | undefined;
  #socket: WebSocketLike | undefined;
  /** Grows with each end, so that what belonged to an earlier attempt knows that it is over. */
  #attempt = 0;
  /** When {@link tick} has to do what is next in this phase. */
  #due = NEVER;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerAt = NEVER;
  #joinedAt = 0;
  /** The head when the server last answered `JOIN` or `RESYNC`. */
  #target: Rev = 0;
  #heartbeatMs = 0;
  /** A sign of life is asked for. */
  #asked = false;
  #leaving = false;
  /** No attempt before {@link reconnect}. */
  #held = false;
  #complaint: Complaint | undefined;
  /** WebSockets in a row that did not open, and what the server says over HTTP about that. */
  #unopened = 0;
  #hint = "";
  readonly #replica: Replica;
  readonly #link: Link;
  readonly #hooks: ConnectionHooks;
  constructor(replica: Replica, link: Link, hooks: ConnectionHooks) {
    this.#replica = replica;
    this.#link = link;
    this.#hooks = hooks;
    this.#backoff = new Backoff(link.backoff);
  }

  /** Connects; from now on by itself whenever the connection is lost. */
  start(): void {
    this.#unwatch = watchSurroundings({
      online: () => this.#hurry(),
      offline: () => this.#rest(NO_NETWORK),
      visible: () => (this.phase === "joined" ? this.#ask(ANSWER_DUE_SOON) : this.#hurry()),
    });
    if (this.#held) this.disconnect();
    else if (isOffline()) this.#rest(NO_NETWORK);
    else void this.#open();
  }

  /** Once joined: whether the state follows the server's, and what it announced has come. */
  isLive(): boolean {
    const replica = this.#replica;
    return this.#leaving || (replica.status() === "live" && replica.confirmedRev >= this.#target);
  }

  /** Sends what the replica has to send. */
  pump(): void {
    // What is unanswered when LEAVE comes may be dropped.
    if (this.#leaving && !this.#replica.pending().length) this.#replica.leave();
    for (;;) {
      const message = this.#socket && this.#replica.pollMessage(clock());
      if (!message) break;
      this.#socket?.send(this.#link.codec.encode(message));
      this.#hooks.sent(message);
    }
    const at = Math.min(this.#due, this.#replica.pollTimeout() ?? NEVER);
    // A timer that comes too early looks again.
    if (at >= this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = at;
    this.#timer = setTimeout(() => this.#tick(), Math.min(at - clock(), 2 ** 31 - 1));
  }

  /** Drops the connection and makes no other before {@link reconnect}. */
  disconnect(): void {
    this.#held = true;
    this.#rest("disconnected on request");
  }

  /** Connects at once. Does nothing while there is a connection. */
  reconnect(): void {
    this.#held = false;
    if (this.phase === "offline" && this.#unwatch) void this.#open();
  }

  /** Leaves the room, once what is pending is answered or a while has passed; without a connection, at once. */
  close(): void {
    if (this.phase !== "joined") {
      this.end(LEFT);
    } else if (!this.#leaving) {
      this.#leaving = true;
      this.#due = clock() + PARTING;
      this.pump();
    }
  }

  /** Closed for good. */
  end(reason: string, code?: Code): void {
    if (this.phase === "closed") return;
    this.#drop("closed", this.#leaving ? LEFT : reason, code);
    clearTimeout(this.#timer);
    this.#unwatch?.();
    this.#hooks.changed();
  }

  /** The browser says that it is a good time to connect. */
  #hurry(): void {
    if (!this.#held && !isOffline()) this.reconnect();
  }

  async #open(): Promise<void> {
    const { token, connectTimeoutMs } = this.#link;
    const attempt = ++this.#attempt;
    this.phase = "connecting";
    this.retryAt = this.#complaint = undefined;
    this.#wait(connectTimeoutMs);
    let words = "no token: ";
    try {
      const given = typeof token === "function" ? await token() : token;
      if (attempt !== this.#attempt) return;
      this.#replica.token = given;
      words = "";
      this.#dial();
    } catch (error) {
      if (attempt === this.#attempt) this.#lost(undefined, words + wordsOf(error));
    }
  }

  #dial(): void {
    const link = this.#link;
    const socket = new link.WebSocket(link.url, link.codec.subprotocol);
    let failure = "";
    socket.binaryType = "arraybuffer";
    socket.onopen = () => this.#greet(socket.protocol);
    socket.onmessage = (event: { data: string | ArrayBuffer }) => this.#receive(event.data);
    socket.onerror = (event: { message?: string }) => {
      failure = event.message ?? "";
    };
    socket.onclose = (event: { code: number; reason: string }) =>
      this.#lost(event.code, event.reason || failure);
    this.#socket = socket;
    this.#unopened++;
  }

  #greet(protocol: string): void {
    const { codec, connectTimeoutMs } = this.#link;
    this.#unopened = 0;
    this.#hint = "";
    if (protocol !== codec.subprotocol) {
      this.#misunderstood(protocol || "another protocol");
    } else {
      this.#replica.connected();
      this.#wait(connectTimeoutMs);
    }
  }

  #misunderstood(theirs: string): void {
    const own = this.#link.codec.subprotocol;
    this.end(`this page speaks ${own}, the server ${theirs}: reload the page`);
  }

  #receive(data: string | ArrayBuffer): void {
    this.contact = Date.now();
    let message: ServerMessage;
    try {
      message = this.#link.codec.decode(typeof data === "string" ? data : new Uint8Array(data));
    } catch (error) {
      const words = wordsOf(error);
      // A type that this client does not know is passed over: it may be older than the server.
      if (!words.startsWith("type must"))
        this.#lost(undefined, `the server sent what is no message: ${words}`);
      return;
    }
    if (message.type === "JOINED") {
      if (this.phase !== "joined") this.#joinedAt = clock();
      this.phase = "joined";
      this.reason = this.code = undefined;
      this.#target = message.rev;
      this.#heartbeatMs = Math.max(SHORTEST_HEARTBEAT, message.heartbeatMs);
    } else if (message.type === "ERROR") {
      this.#complaint = { ...message, at: clock() };
    }
    this.#asked = false;
    if (this.phase === "joined" && !this.#leaving) this.#due = clock() + this.#heartbeatMs;
    this.#replica.handle(message, clock());
    this.#hooks.received(message);
    if (this.#replica.status() === "diverged") {
      this.#lost(undefined, "page and server disagree about the state");
    } else if (
      message.type === "ERROR" &&
      this.phase !== "joined" &&
      /^(INV|MAL|UNK|WRONG)/.test(message.code)
    ) {
      this.#misunderstood(`answered ${message.code} (${message.message})`);
    }
    this.pump();
  }

  /** Does what is due. */
  #tick(): void {
    this.#timerAt = NEVER;
    if (clock() >= this.#due) {
      if (this.phase === "offline") void this.#open();
      else if (this.#leaving) this.end(LEFT);
      else if (this.phase !== "joined") this.#lost(undefined, "the server did not answer in time");
      else if (this.#asked) this.#lost(undefined, "the server fell silent");
      else this.#ask(ANSWER_DUE);
    }
    this.pump();
  }

  /** Asks for a sign of life, due within `ms`. */
  #ask(ms: number): void {
    if (this.#leaving) return;
    this.#due = Math.min(this.#asked ? this.#due : NEVER, clock() + ms);
    this.#asked = true;
    this.#replica.heartbeat();
    this.pump();
  }

  /** The connection or the attempt failed: with a close code, or with none. */
  #lost(close: number | undefined, words: string): void {
    const joined = this.phase === "joined";
    const now = clock();
    if (joined) this.#backoff.lived(now - this.#joinedAt);
    if (this.#unopened === 2) void this.#probe();
    const { final, reason, code, retryAfterMs } = verdict(
      close,
      this.#hint || words,
      this.#complaint,
      joined,
      now,
    );
    if (final) this.end(reason, code);
    else if (isOffline()) this.#rest(NO_NETWORK);
    else this.#rest(reason, retryAfterMs + this.#backoff.pause(Math.random()), code);
  }

  /** A browser hides why a handshake was refused; plain HTTP may tell. */
  async #probe(): Promise<void> {
    try {
      const { url, connectTimeoutMs } = this.#link;
      const answer = await fetch(url.replace("ws", "http"), {
        signal: AbortSignal.timeout(connectTimeoutMs),
      });
      const [line = ""] = (await answer.text()).split("\n");
      if (
        !this.#unopened ||
        this.phase === "closed" ||
        !answer.headers.get("content-type")?.startsWith("text/plain")
      )
        return;
      this.reason = this.#hint = line.slice(0, 200);
      this.#hooks.changed();
    } catch {
      // Then there is nothing to be told.
    }
  }

  /** There is no connection: the next attempt is due after `pause` milliseconds, or when something asks for it. */
  #rest(reason: string, pause = NEVER, code?: Code): void {
    if (this.#leaving) this.end(LEFT);
    if (this.phase === "closed") return;
    this.#drop("offline", reason, code);
    if (pause < NEVER) this.retryAt = Date.now() + pause;
    this.#wait(pause);
  }

  #drop(phase: Connection["phase"], reason: string, code: Code | undefined): void {
    const socket = this.#socket;
    this.phase = phase;
    this.reason = reason;
    this.code = code;
    this.retryAt = this.#socket = undefined;
    this.#asked = false;
    this.#due = NEVER;
    this.#attempt++;
    this.#replica.disconnected();
    if (!socket) return;
    // A socket that is given up may still have something to say.
    socket.onopen = socket.onmessage = socket.onclose = socket.onerror = () => {};
    socket.close();
  }

  #wait(ms: number): void {
    this.#due = clock() + ms;
    this.#hooks.changed();
    this.pump();
  }
}
