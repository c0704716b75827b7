import type { ServerMessage } from "../types.js";
import { equal } from "../value.js";
import type { State } from "./state.js";

/** Takes what a `PRESENCE` says (rule P-3). */
export function handlePresence(state: State, message: Extract<ServerMessage, { type: "PRESENCE" }>): void {
  const { presence } = state;
  const clients = new Set<string>();
  for (const id of [...(message.full ? presence.keys() : []), ...Object.keys(message.clients)]) {
    const data = message.clients[id] ?? undefined;
    if (equal(presence.get(id), data)) continue;
    clients.add(id);
    if (data) presence.set(id, data);
    else presence.delete(id);
  }
  state.events.push({ type: "presence", clients });
}
