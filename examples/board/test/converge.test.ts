import { afterAll, afterEach, expect, test } from "vitest";
import { addCards, addressOf, agreed, shown, start } from "./support/board";
import { Visitors } from "./support/browser";
import { editAtRandom } from "./support/editor";
import { Random, seedOf } from "./support/random";
import { startServer, stopServers } from "./support/server";
import { expectServersState, leaveRooms } from "./support/state";

const visitors = new Visitors();
afterEach(async () => {
  await leaveRooms();
  await visitors.leave();
  await stopServers();
});
afterAll(() => visitors.close());

test.for([
  { people: 2, actions: 30 },
  { people: 5, actions: 14 },
])("$people pages that edit at once converge", async ({ people, actions }) => {
  const seed = seedOf(`converge with ${people}`);
  const server = await startServer();
  const names = ["a", "b", "c", "d", "e"].slice(0, people);
  const pages = await Promise.all(names.map(() => visitors.visit(addressOf(server, "converge"))));
  const [first] = pages;
  if (!first) throw new Error("no pages");
  await start(first);
  await addCards(first, "To do", ["One", "Two", "Three"]);
  for (const page of pages) await expect.poll(async () => (await shown(page)).length).toBe(3);

  const begun = performance.now();
  const prevented = await Promise.all(
    pages.map((page, i) => editAtRandom(page, names[i] ?? "", new Random(seed + i), actions)),
  );
  const seconds = ((performance.now() - begun) / 1000).toFixed(1);
  const board = await agreed(...pages);
  const cards = board.reduce((sum, { cards }) => sum + cards.length, 0);
  console.log(
    `${people} people did ${people * actions} things in ${seconds} s (${prevented.join("+")} prevented by others); ` +
      `${board.length} columns, ${cards} cards`,
  );
  expect(prevented.reduce((sum, some) => sum + some)).toBeLessThan((people * actions) / 3);
  await expectServersState(server, "converge", pages);
});
