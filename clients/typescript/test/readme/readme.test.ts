/** The code in the READMEs is what runs here. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, it, vi } from "vitest";
import { WebSocket } from "ws";
import { liveRoom } from "../support/rooms";
import { startServer, stopServers } from "../support/server";

/** Where the code in the README connects. */
const ADDRESS = "127.0.0.1:7700";

afterAll(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
  return stopServers();
});

it("the README's front-end code does what its comments say", async () => {
  const code = readFileSync(join(import.meta.dirname, "front-end.ts"), "utf8");
  const readme = readFileSync(join(import.meta.dirname, "../../../../README.md"), "utf8");
  expect(readme).toContain(`\`\`\`ts\n${code}\`\`\`\n`);

  const server = await startServer();
  const witness = await liveRoom(server.url, { room: "board-1" });
  class Elsewhere extends WebSocket {
    constructor(url: string, protocols: string | string[]) {
      super(url.replace(`ws://${ADDRESS}`, server.httpUrl.replace("http", "ws")), protocols);
    }
  }
  vi.stubGlobal("WebSocket", Elsewhere);
  const said: string[] = [];
  vi.spyOn(console, "log").mockImplementation((...words) => {
    said.push(words.map((word) => (typeof word === "string" ? word : JSON.stringify(word))).join(" "));
  });
  await import("./front-end");
  expect(said).toContain("Milk");
  expect(said).toContain("accepted");
  expect(said).toContain('1 {"title":"Milk","votes":1}');
  // Taken back before it was sent, the last edit goes out as one that does nothing (S-8).
  await vi.waitFor(() => expect(witness.rev).toBe(3));
  expect(witness.get("cards", "1")?.data).toEqual({ title: "Milk", votes: 1 });
});
