/** The real server, with the page that it serves. */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Server, startServer as start } from "../../../../clients/typescript/test/support/server";

export { dataDir, type Server, stopServers } from "../../../../clients/typescript/test/support/server";

const PAGE = join(import.meta.dirname, "../../../../src/board.html");

/** Starts a server. Throws when it was built with another page than the one that is here: that would be tested. */
export async function startServer(args: readonly string[] = []): Promise<Server> {
  const server = await start(args);
  const answer = await fetch(`${server.httpUrl}/`, { headers: { accept: "text/html" } });
  if ((await answer.text()) === (await readFile(PAGE, "utf8"))) return server;
  throw new Error("the server serves another page than src/board.html: run cargo build --locked -p revring");
}
