/** Who else is in the room, and what each says of itself (section P). */

import { objectOf } from "./changes.js";
import type { Replica } from "./replica/replica.js";
import { Signal } from "./signal.js";
import type { ObjectValue } from "./types.js";
import { UpdateError } from "./update-error.js";
import { depthOf, sizeOf } from "./value.js";

/** The presence of all clients of a room. It is never part of the state and ends with the connection. */
export class Presence {
  /** What this client says of itself, on each connection; null: nothing. */
  own: ObjectValue | null = null;
  /** What the others say, by `clientId`: another map when something in it changed. */
  others: ReadonlyMap<string, ObjectValue> = new Map();

  readonly #signal = new Signal<ReadonlySet<string>>();
  #changed = new Set<string>();
  readonly #replica: Replica;
  readonly #wake: () => void;

  /**
   * @internal
   * @param wake To be called when the replica has something to send.
   */
  constructor(replica: Replica, wake: () => void) {
    this.#replica = replica;
    this.#wake = wake;
  }

  /**
   * Says what others see of this client, such as a name and a cursor: an object of at most `room.limits.presenceBytes`, or
   * null for nothing. Others see it within about 50 ms.
   *
   * @throws UpdateError when it is not JSON (`INVALID`) or too large (`TOO_LARGE`).
   */
  set(data: object | null): void {
    const own = data && objectOf(data);
    const { presenceBytes, depth } = this.#replica.limits;
    if (own && (sizeOf(own) > presenceBytes || depthOf(own) > depth)) {
      throw new UpdateError("TOO_LARGE", `presence may have ${presenceBytes} bytes and ${depth} levels`);
    }
    this.own = own;
    this.#replica.setPresence(own);
    this.#wake();
  }

  /** Tells `listener` which clients came, changed or left; gives what removes it. */
  subscribe(listener: (clients: ReadonlySet<string>) => void): () => void {
    return this.#signal.add(listener);
  }

  /** @internal The replica's presence changed for these clients. */
  note(clients: Iterable<string>): void {
    const { presence, clientId } = this.#replica;
    const others = new Map(presence);
    if (clientId) others.delete(clientId);
    this.others = others;
    for (const client of clients) this.#changed.add(client);
  }

  /** @internal Tells what was noted. */
  tell(): void {
    if (!this.#changed.size) return;
    const changed = this.#changed;
    this.#changed = new Set();
    this.#signal.tell(changed);
  }
}
