/** A network that breaks. */

import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** Random numbers that a seed decides (mulberry32). */
export function dice(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return Math.floor((((x ^ (x >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

/** Passes bytes on to a server, and cuts each connection after some. */
export class Network {
  /** How many connections were cut. */
  cuts = 0;
  private calm = false;
  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    private readonly target: URL,
    private readonly random: (below: number) => number,
    private readonly mostBytes: number,
  ) {
    server.on("connection", (socket) => this.pass(socket));
  }

  /** Before the server at `url`; each connection lives for less than `mostBytes` in one direction, by turns. */
  static async start(url: string, seed: number, mostBytes: number): Promise<Network> {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new Network(server, new URL(url), dice(seed), mostBytes);
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.server.address() as AddressInfo).port}${this.target.pathname}`;
  }

  /** Cuts nothing from here on. */
  calmDown(): void {
    this.calm = true;
  }

  close(): void {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
  }

  private pass(client: Socket): void {
    const upstream = connect(Number(this.target.port), this.target.hostname);
    const bytes = this.random(this.mostBytes);
    const cut = this.random(2) ? client : upstream;
    const end = () => {
      client.destroy();
      upstream.destroy();
    };
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      this.sockets.add(from);
      let left = bytes;
      from.on("data", (data) => {
        if (from === cut) left -= data.length;
        if (left > 0 || this.calm) {
          to.write(data);
          return;
        }
        // A part of it still arrives.
        if (!client.destroyed) this.cuts++;
        to.write(data.subarray(0, Math.max(0, data.length + left)), end);
      });
      from.on("error", end);
      from.on("close", () => {
        this.sockets.delete(from);
        end();
      });
    }
  }
}
