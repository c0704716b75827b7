import type { Room } from "../room.js";
import type { Rec } from "../types.js";

/** All that can be read from a room, for a report. */
export function stateOf(room: Room): object {
  const records: { [collection: string]: readonly Rec[] } = {};
  for (const name of room.collections().sort()) {
    // `defineProperty`: a collection may have any name.
    Object.defineProperty(records, name, { value: room.list(name), enumerable: true });
  }
  const { name, epoch, rev, clientId, status, pending } = room;
  const presence = Object.fromEntries(room.presence.others);
  return { room: name, epoch, rev, checksum: room.checksum(), clientId, status, pending, presence, records };
}
