import { afterAll, expect, test } from "vitest";
import { follow } from "./support/adapter";
import { run } from "./support/server";

/** For all fixtures together, on a busy machine. */
const PATIENCE = 300_000;

let end = () => Promise.resolve();
afterAll(() => end());

test("r16 every fixture for clients passes, in both codecs", { timeout: PATIENCE }, async () => {
  const playing = await run("revring-conformance", ["play", "--listen", "127.0.0.1:0"]);
  end = () => playing.end("SIGKILL");
  const url = /ws:\S+/.exec(playing.line)?.[0];
  if (!url) throw new Error(`no address in ${playing.line}`);
  await follow(url);
  const code = await playing.ended;
  const report = playing.lines.slice(1).join("\n");
  expect(code, report).toBe(0);
  console.log(playing.lines.at(-1));
});
