/** The network of a page: what passes can be held back, and all of it ends with the page. */

import { WebSocket } from "ws";
import type { WebSocketConstructor } from "../../src/index.js";

/** See the file. For the JSON codec. */
export class Line {
  /** Which messages of the page, and which of the server, get through. */
  sends: (type: string) => boolean = () => true;
  hears: (type: string) => boolean = () => true;
  private readonly sockets = new Set<WebSocket>();
  private dead = false;

  readonly WebSocket: WebSocketConstructor = this.make();

  /** The page is gone. */
  end(): void {
    this.dead = true;
    for (const socket of this.sockets) socket.terminate();
  }

  private make(): WebSocketConstructor {
    const line = this;
    return class extends WebSocket {
      constructor(url: string, protocol: string) {
        if (line.dead) throw new Error("this page is gone");
        super(url, protocol);
        line.sockets.add(this);
        this.on("close", () => line.sockets.delete(this));
      }

      override send(data: string | Uint8Array): void {
        if (!line.dead && line.sends(typeOf(data))) super.send(data);
      }

      override emit(event: string, ...args: unknown[]): boolean {
        if (event === "message" && (line.dead || !line.hears(typeOf(args[0])))) return false;
        return super.emit(event, ...args);
      }
    };
  }
}

function typeOf(data: unknown): string {
  const { type } = JSON.parse(String(data));
  return typeof type === "string" ? type : "";
}
