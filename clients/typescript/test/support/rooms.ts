/** Rooms for tests, and waiting for what happens in them. */

import { WebSocket } from "ws";
import { type ConnectOptions, connect, type Room, type Status } from "../../src/index";

const open: Room[] = [];
let names = 0;

/** A name that no other test uses. */
export const freshName = () => `room-${process.pid}-${++names}`;

/** Opens a room over `ws`, with short pauses between attempts. */
export function openRoom(url: string, options: Partial<ConnectOptions> = {}): Room {
  const room = connect(url, {
    room: freshName(),
    WebSocket,
    backoff: { baseMs: 5, maxMs: 50 },
    ...options,
  });
  open.push(room);
  return room;
}

/** Opens a room and waits until it is live. */
export async function liveRoom(url: string, options: Partial<ConnectOptions> = {}): Promise<Room> {
  const room = openRoom(url, options);
  await status(room, "live");
  return room;
}

/** Closes what was opened: for `afterEach`. */
export async function closeRooms(): Promise<void> {
  await Promise.all(open.splice(0).map((room) => room.close()));
}

/** Waits until `room` has the status `state`. */
export async function status(room: Room, state: Status["state"]): Promise<Status> {
  await until(room, () => room.status.state === state || room.status.state === "closed");
  if (room.status.state !== state) throw new Error(`${room.status.state}: ${room.status.reason}`);
  return room.status;
}

/** Waits until `holds`, which is asked again whenever something happens in `room`. */
export function until(room: Room, holds: () => boolean, patienceMs = 15_000): Promise<void> {
  return new Promise((resolve, reject) => {
    const ends = [
      room.subscribe(look),
      room.onStatus(look),
      room.presence.subscribe(look),
      room.on("received", look),
    ];
    const end = () => {
      clearTimeout(timer);
      for (const each of ends) each();
    };
    const timer = setTimeout(() => {
      end();
      reject(new Error(`it never came true: ${holds}\nstatus: ${JSON.stringify(room.status)}`));
    }, patienceMs);
    function look(): void {
      if (!holds()) return;
      end();
      resolve();
    }
    queueMicrotask(look);
  });
}
