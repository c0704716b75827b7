/** A room, its clients, and everything that can happen between them. */

import fc from "fast-check";
import { DEFAULT_LIMITS } from "../../src/limits.js";
import type { ClientMessage, Code, Limits, Rev, UpdateMessage } from "../../src/types.js";
import { type CatchUp, MiniRoom } from "../support/miniroom.js";
import { Client } from "./client.js";
import { changeOf, type Make, makes, type Weights } from "./make.js";

export interface Setting {
  readonly clients: number;
  readonly ringOps: number;
  readonly inFlight: number;
  /** Everyone begins without a connection. */
  readonly offline: boolean;
  /** The last client gives pending updates back after a gap. */
  readonly discards: boolean;
}

/** One thing that happens. Numbers choose among what there is at that moment. */
export type Action =
  /** The application makes an update. */
  | { readonly do: "update"; readonly who: number; readonly makes: readonly Make[] }
  /** Someone who is always at the head writes so many operations. */
  | { readonly do: "foreign"; readonly n: number; readonly make: Make }
  | { readonly do: Step; readonly who: number; readonly n: number };

type Step =
  /** The client sends what is due; the server reads so many messages; the log commits what they ask for. */
  | "send"
  | "serve"
  | "commit"
  /** The server writes a frame to a client, with so many operations; the client reads so many. */
  | "write"
  | "read"
  /** All of it, for one client. */
  | "flow"
  | "connect"
  /** The connection ends; the server still reads so many messages from it. */
  | "disconnect"
  /** What is stored of a client, and the end of its page. */
  | "save"
  | "crash"
  /** The server refuses the next update of a client for now. */
  | "rateLimit"
  /** The log does not answer: the requests are refused, and so many of them are committed nonetheless (rule U-6). */
  | "unavailable"
  | "resync"
  | "heartbeat"
  /** The server's checksum is wrong. */
  | "badHeartbeat"
  /** The present state is kept to serve later snapshots; a snapshot under way begins anew. */
  | "cache"
  | "cutSnapshot"
  /** The server comes back under a new epoch: with its state, or without (n is 0). */
  | "restart";

const STEPS: { readonly [step in Step]: number } = {
  send: 60,
  serve: 50,
  commit: 60,
  write: 60,
  read: 60,
  flow: 80,
  connect: 30,
  disconnect: 4,
  save: 10,
  crash: 4,
  rateLimit: 2,
  unavailable: 3,
  resync: 1,
  heartbeat: 1,
  badHeartbeat: 1,
  cache: 1,
  cutSnapshot: 1,
  restart: 1,
};

export const settings: fc.Arbitrary<Setting> = fc.record({
  clients: fc.integer({ min: 2, max: 4 }),
  ringOps: fc.constantFrom(8, 16),
  inFlight: fc.constantFrom(3, 256),
  offline: fc.nat(9).map((n) => !n),
  discards: fc.nat(4).map((n) => !n),
});

export function actions(weights: Weights): fc.Arbitrary<Action[]> {
  const make = makes(weights);
  const who = fc.nat(3);
  const few = fc.array(make, { minLength: 1, maxLength: 4, size: "small" });
  const update = fc.record({ do: fc.constant("update" as const), who, makes: few });
  const foreign = fc.record({
    do: fc.constant("foreign" as const),
    n: fc.integer({ min: 1, max: 13 }),
    make,
  });
  const steps = Object.keys(STEPS).map((name) => ({
    weight: STEPS[name as Step],
    arbitrary: fc.record({ do: fc.constant(name as Step), who, n: fc.nat(4) }),
  }));
  const action = fc.oneof({ weight: 120, arbitrary: update }, { weight: 4, arbitrary: foreign }, ...steps);
  return fc.array(action, { maxLength: 200, size: "max" });
}

interface Request {
  readonly client: Client;
  readonly link: unknown;
  readonly update: UpdateMessage;
}

export class World {
  private room: MiniRoom;
  private readonly limits: Limits;
  private readonly clients: Client[];
  /** What was accepted in this epoch, by client. */
  private accepted = new Map<Client, Set<string>>();
  private requests: Request[] = [];
  private cached: { readonly rev: Rev; readonly document: MiniRoom["document"] } | undefined;
  private epochs = 0;
  private foreigners = 0;
  private now = 1;

  constructor({ clients, ringOps, inFlight, offline, discards }: Setting) {
    this.limits = { ...DEFAULT_LIMITS, ringOps, inFlight, changesPerUpdate: 8 };
    this.room = new MiniRoom(this.limits, "epoch-0");
    this.clients = Array.from(
      { length: clients },
      (_, index) => new Client(index, discards && index === clients - 1 ? "discard" : "resubmit"),
    );
    for (const client of this.clients) {
      if (offline) continue;
      client.connect();
      this.flow(client);
      client.takeEvents();
    }
  }

  act(action: Action): void {
    this.now += 1;
    this.room.at += this.now % 3 === 0 ? 1 : 0;
    if (action.do === "foreign") {
      for (let n = 0; n < action.n; n++) this.foreign(action.make);
    } else {
      const client = this.clients[action.who % this.clients.length];
      if (client && action.do === "update") client.update(action.makes);
      else if (client && action.do !== "update") this.step(action.do, client, action.n);
    }
    for (const client of this.clients) client.takeEvents();
  }

  private step(step: Step, client: Client, n: number): void {
    const steps: { readonly [step in Step]: () => void } = {
      send: () => client.send(this.now),
      serve: () => this.serve(client, n + 1),
      commit: () => this.commit(),
      write: () => void this.write(client, n + 1),
      read: () => client.read(n + 1, this.now),
      flow: () => this.flow(client),
      connect: () => client.connect(),
      disconnect: () => {
        this.serve(client, n);
        client.disconnect();
      },
      save: () => client.save(),
      crash: () => {
        this.serve(client, n);
        client.crash();
      },
      rateLimit: () => {
        client.rateLimited = true;
      },
      unavailable: () => this.unavailable(n),
      resync: () => client.replica.resync(),
      heartbeat: () => client.replica.heartbeat(),
      badHeartbeat: () =>
        client.link?.answer({ type: "HEARTBEAT", rev: this.room.rev, checksum: "f".repeat(16) }),
      cache: () => {
        this.cached = { rev: this.room.rev, document: this.room.document.clone() };
      },
      cutSnapshot: () => client.link?.restartSnapshot(this.room, client.id),
      restart: () => this.restart(n > 0),
    };
    steps[step]();
  }

  /** Everything of one client, there and back. */
  private flow(client: Client): void {
    client.send(this.now);
    this.serve(client, Number.POSITIVE_INFINITY);
    this.commit();
    while (this.write(client, 4));
    client.read(Number.POSITIVE_INFINITY, this.now);
    client.send(this.now);
  }

  private serve(client: Client, most: number): void {
    for (let n = 0; n < most; n++) {
      const text = client.link?.up.shift();
      if (text === undefined) return;
      this.take(client, JSON.parse(text));
    }
  }

  private take(client: Client, message: ClientMessage): void {
    const { link } = client;
    if (message.type === "JOIN" || message.type === "RESYNC") {
      if (message.type === "RESYNC") link?.dropSync();
      // What the client asked for over an earlier connection and is not decided is not decided any more (rule C-5).
      else this.requests = this.requests.filter((request) => request.client !== client);
      this.join(client, message);
    } else if (message.type === "HEARTBEAT") {
      link?.answer({ type: "HEARTBEAT", rev: this.room.rev, checksum: this.room.document.checksum() });
    } else if (message.type === "UPDATE" && client.rateLimited) {
      client.rateLimited = false;
      this.refuse({ client, link, update: message }, "RATE_LIMITED");
    } else if (message.type === "UPDATE") {
      this.requests.push({ client, link, update: message });
    }
  }

  private join(
    client: Client,
    { epoch = "", lastRev }: { readonly epoch?: string; readonly lastRev?: Rev },
  ): void {
    const { room, limits } = this;
    const catchUp = room.catchUp(lastRev === undefined ? undefined : { epoch, lastRev });
    const resumed = catchUp === "nothing" || catchUp === "delta";
    const { id: clientId, link } = client;
    link?.answer({
      type: "JOINED",
      clientId,
      room: "r",
      epoch: room.epoch,
      rev: room.rev,
      resumed,
      limits,
      heartbeatMs: 1000,
    });
    if (resumed) link?.follow(lastRev ?? 0);
    else this.bring(client, lastRev ?? 0, catchUp);
  }

  /** Queues a snapshot, and before it the gap that asks for it. */
  private bring(client: Client, expected: Rev, reason: CatchUp): void {
    const { room, cached } = this;
    const usable = cached && ["nothing", "delta"].includes(room.behind(cached.rev)) ? cached : room;
    const gap = reason === "behind" || reason === "ahead" || reason === "epoch";
    const message = gap ? room.gap(client.id, expected, reason, usable.rev) : undefined;
    client.link?.snapshot(room.epoch, usable.rev, usable.document, message);
  }

  private commit(): void {
    const { requests } = this;
    this.requests = [];
    for (const request of requests) {
      const answer = this.offer(request);
      if (answer && request.link === request.client.link) request.client.link?.answer(answer);
    }
  }

  private offer({ client, update }: Request) {
    const answer = this.room.offer(client.id, update);
    if (answer) return answer;
    const accepted = this.accepted.get(client) ?? new Set();
    if (accepted.has(update.clientReqId)) throw new Error(`${client.id} ${update.clientReqId} counts twice`);
    this.accepted.set(client, accepted.add(update.clientReqId));
    return undefined;
  }

  private unavailable(committed: number): void {
    const { requests } = this;
    this.requests = [];
    for (const request of requests) this.refuse(request, "UNAVAILABLE");
    for (const request of requests.slice(0, committed)) this.offer(request);
  }

  private refuse({ client, link, update: { clientReqId } }: Request, code: Code): void {
    if (link !== client.link) return;
    client.link?.answer({
      type: "REJECT",
      clientReqId,
      code,
      message: "later",
      retryable: true,
      retryAfterMs: 20,
    });
  }

  private write(client: Client, most: number): boolean {
    const wrote = client.link?.write(this.room, most) ?? false;
    if (typeof wrote === "boolean") return wrote;
    this.bring(client, ...wrote);
    return true;
  }

  /** A writer that stands at the head and is told nothing. */
  private foreign(make: Make): void {
    const change = changeOf(make, this.room.document);
    const clientReqId = `f${++this.foreigners}`;
    const { rev: baseRev } = this.room;
    if (change) this.room.offer("a-foreigner", { type: "UPDATE", clientReqId, changes: [change], baseRev });
  }

  private restart(keep: boolean): void {
    for (const client of this.clients) client.disconnect();
    this.requests = [];
    this.cached = undefined;
    const epoch = `epoch-${++this.epochs}`;
    this.room = keep ? this.room.reborn(epoch) : new MiniRoom(this.limits, epoch);
    if (!keep) this.accepted = new Map();
  }

  /** Lets everything arrive. */
  settle(): void {
    for (let n = 0; n < 200; n++) {
      for (const client of this.clients) {
        client.rateLimited = false;
        if (client.replica.status() === "diverged") client.disconnect();
        client.connect();
        this.flow(client);
        client.takeEvents();
        this.now = Math.max(this.now, client.replica.pollTimeout() ?? 0);
      }
      if (!this.requests.length && this.clients.every((client) => client.isQuiet(this.room))) return;
    }
    throw new Error(`still pending: ${this.clients.map((client) => client.replica.pending()).join(" | ")}`);
  }

  checkEnd(): void {
    for (const client of this.clients) client.checkEnd(this.room, this.accepted.get(client) ?? []);
  }
}
