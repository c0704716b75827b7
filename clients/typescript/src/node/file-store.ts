/** Rooms in files. */

import { createHash } from "node:crypto";
import { mkdir, readdir, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { keep } from "../keeper.js";
import { serverOf } from "../offline/scope.js";
import type { Store } from "../store.js";
import { lockDirectory } from "./lock.js";
import { FileSeat } from "./seat.js";

/**
 * Keeps rooms in `directory`, which is made if it is missing: the last confirmed state and the pending updates survive
 * a restart and a crash. One process at a time has a room of a directory open; `open` rejects, in words, when another
 * has it, or when a file there is damaged or not one of revring: nothing pending is ever dropped in silence. What is
 * written is on disk (fsync) before the next write begins; the client's secret is in it, so the directory is private.
 */
export function fileStore(directory: string): Store {
  const root = resolve(directory);
  return {
    open: async ({ url, room, clientKey }) => {
      const server = serverOf(url);
      const place = join(root, placeOf(server, room), clientKey === undefined ? "own" : nameOf(clientKey));
      await mkdir(place, { recursive: true, mode: 0o700 });
      const lock = await lockDirectory(place);
      try {
        return await FileSeat.open(place, { server, room, clientKey }, lock);
      } catch (error) {
        await lock.release();
        throw error;
      }
    },
    forget: async (url, room) => {
      const server = url === undefined ? "" : nameOf(serverOf(url));
      const place = room === undefined || url === undefined ? server : placeOf(serverOf(url), room);
      const names = await readdir(root).catch(() => []);
      for (const name of names.filter(
        (found) => found.startsWith(place) && /^[0-9a-f]{16}\.[0-9a-f]{16}$/.test(found),
      )) {
        await rm(join(root, name), { recursive: true, force: true });
      }
    },
    keep,
  };
}

function placeOf(server: string, room: string): string {
  return `${nameOf(server)}.${nameOf(room)}`;
}

/** A name for a directory: rooms and addresses have characters that files cannot have. */
function nameOf(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}
