/**
 * One client of the test with clients of both implementations (`clients/rust/tests/client/cross.rs`):
 * `node client.mjs URL NUMBER SEED UPDATES`. Prints what became of its updates, reads the head of the room from its
 * standard input, and prints what it has when it has reached that.
 */
import { once } from "node:events";
import { argv, stdin } from "node:process";
import { createInterface } from "node:readline";
import { connect } from "revring";
import WebSocket from "ws";
import { dice, edits } from "./edits.mjs";

const url = argv[2];
const [number, seed, updates] = argv.slice(3).map(Number);
const codec = number % 2 ? "json" : "msgpack";
const room = connect(url, { room: "room", codec, WebSocket, backoff: { baseMs: 1, maxMs: 8 } });
// A state that has to be sent anew was wrong before.
let resyncs = 0;
room.on("sent", ({ message }) => {
  if (message.type === "RESYNC") resyncs++;
});
const below = dice(seed * 100 + number);
const lines = createInterface({ input: stdin });

await reach(1);
const fates = {};
for (let done = 0; done < updates; ) {
  const burst = Math.min(1 + below(6), updates - done);
  const ids = Array.from({ length: burst }, (_, n) => `typescript-${number}-${done + n}`);
  const outcomes = await Promise.all(ids.map(update));
  ids.forEach((id, n) => {
    fates[id] = outcomes[n];
  });
  done += burst;
}
console.log(JSON.stringify(fates));

const [head] = await once(lines, "line");
await reach(Number(head));
console.log(JSON.stringify({ resyncs, rev: room.rev, checksum: room.checksum(), view: view() }));
lines.close();
await room.close();

/** Makes an update that also leaves a record of its own; gives what became of it. */
async function update(id) {
  const changes = [...edits(below, room), { op: "put", collection: "log", id, data: {} }];
  let answer;
  try {
    answer = room.update(changes);
  } catch (error) {
    if (error.name !== "UpdateError") throw error;
    return "refused";
  }
  const outcome = await answer;
  if (outcome.status === "accepted") return { accepted: outcome.rev };
  if (outcome.status === "discarded") throw new Error(`${id} was discarded`);
  return outcome.code === "OUTCOME_UNKNOWN" ? "unknown" : "refused";
}

/** Collection, id, version and data of each record. */
function view() {
  const records = room
    .collections()
    .sort()
    .flatMap((name) => room.list(name));
  return records.map(({ collection, id, version, data }) => [collection, id, version, data]);
}

/** Waits until the room has confirmed `rev`. */
function reach(rev) {
  return new Promise((resolve) => {
    const look = () => {
      if (room.rev < rev) return;
      stop();
      resolve();
    };
    // When the message has been dealt with.
    const stop = room.on("received", () => setImmediate(look));
    look();
  });
}
