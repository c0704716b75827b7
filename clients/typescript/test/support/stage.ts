/** A server that does what a test says, for what the real one does not do on demand. */

import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";
import { DEFAULT_LIMITS } from "../../src/limits";
import type { ClientMessage, ServerMessage } from "../../src/types";

/** Takes connections, which speak JSON. */
export class Stage {
  private readonly peers: Peer[] = [];
  private readonly waiting: ((peer: Peer) => void)[] = [];

  private constructor(private readonly server: WebSocketServer) {
    server.on("connection", (socket) => {
      const peer = new Peer(socket);
      const next = this.waiting.shift();
      if (next) next(peer);
      else this.peers.push(peer);
    });
  }

  static async set(): Promise<Stage> {
    const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
    await once(server, "listening");
    const stage = new Stage(server);
    stages.push(stage);
    return stage;
  }

  get url(): string {
    const address = this.server.address() as AddressInfo;
    return `ws://127.0.0.1:${address.port}/v1/ws`;
  }

  /** The next connection. */
  accept(): Promise<Peer> {
    const peer = this.peers.shift();
    return peer ? Promise.resolve(peer) : new Promise((resolve) => this.waiting.push(resolve));
  }

  /** The next connection, once it has joined a room with nothing in it. */
  async joined(heartbeatMs?: number): Promise<Peer> {
    const peer = await this.accept();
    await peer.join(heartbeatMs);
    return peer;
  }

  /** Takes no connections any more. */
  async close(): Promise<void> {
    for (const socket of this.server.clients) socket.terminate();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

/** A client, as the stage sees it. It may leave when it wants to. */
export class Peer {
  /** Resolves when the connection has ended. */
  readonly ended: Promise<unknown>;
  private readonly messages: ClientMessage[] = [];
  private readonly waiting: ((message: ClientMessage) => void)[] = [];

  constructor(private readonly socket: WebSocket) {
    this.ended = once(socket, "close");
    socket.on("message", (data) => {
      const message: ClientMessage = JSON.parse(String(data));
      const next = this.waiting.shift();
      if (next) next(message);
      else this.messages.push(message);
      if (message.type === "LEAVE") this.close(1000);
    });
  }

  /** The next message. */
  receive(): Promise<ClientMessage> {
    const message = this.messages.shift();
    return message ? Promise.resolve(message) : new Promise((resolve) => this.waiting.push(resolve));
  }

  send(message: ServerMessage | { type: string }): void {
    this.sendText(JSON.stringify(message));
  }

  sendText(text: string): void {
    this.socket.send(text);
  }

  close(code: number): void {
    this.socket.close(code, "so says the stage");
  }

  /** Ends the connection without a close frame. */
  cut(): void {
    this.socket.terminate();
  }

  /** Takes a `JOIN` into an empty room, or where it resumes. Gives the `JOIN`. */
  async join(heartbeatMs = 15_000): Promise<ClientMessage> {
    const join = await this.receive();
    const resumed = join.type === "JOIN" && join.epoch === "epoch";
    const rev = (resumed && join.lastRev) || 0;
    const joined = { room: "room", epoch: "epoch", clientId: "client", rev, resumed, heartbeatMs };
    this.send({ type: "JOINED", ...joined, limits: DEFAULT_LIMITS });
    const empty = { rev: 0, epoch: "epoch", part: 0, last: true, state: {}, checksum: "0000000000000000" };
    if (!resumed) this.send({ type: "SYNC.SNAPSHOT", ...empty });
    return join;
  }
}

const stages: Stage[] = [];

/** Closes what was set: for `afterEach`. */
export async function clearStages(): Promise<void> {
  await Promise.all(stages.splice(0).map((stage) => stage.close()));
}
