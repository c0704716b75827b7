/** Opens a seat of the file store, says what came of it, and keeps it until it is ended. */

import { fileStore } from "../../src/node.js";

const [, , root = "", times = "1"] = process.argv;
const said = process.stdout;

for (let n = 0; n < Number(times); n++) {
  try {
    const seat = await fileStore(root).open({ url: "ws://localhost/v1/ws", room: "r", warn: () => {} });
    said.write(`open ${seat.clientKey}\n`);
  } catch (error) {
    said.write(`refused ${error instanceof Error ? error.message : error}\n`);
  }
}
process.stdin.resume();
