import { afterAll, afterEach, expect, test } from "vitest";
import {
  addCards,
  addressOf,
  agreed,
  allCards,
  card,
  field,
  offline,
  openCard,
  start,
  statusOf,
} from "./support/board";
import { Visitors } from "./support/browser";
import { dataDir, startServer, stopServers } from "./support/server";
import { expectServersState, leaveRooms } from "./support/state";

const visitors = new Visitors();
afterEach(async () => {
  await leaveRooms();
  await visitors.leave();
  await stopServers();
});
afterAll(() => visitors.close());

const LETTERS = "abcdefghijklmnopqrstuvwxyz";
const NUMBERS = "01234567890123456789012345";

test("the server is killed and started again under two pages that type: they come back, nothing is lost or doubled", async () => {
  const server = await startServer(["--data-dir", await dataDir()]);
  const url = addressOf(server, "restart");
  const [one, other] = [await visitors.visit(url), await visitors.visit(url)];
  await start(one);
  await addCards(one, "To do", ["="]);
  for (const page of [one, other]) {
    await card(page, "=").waitFor();
    await openCard(page, "=");
  }
  const typing = Promise.all([
    one.keyboard.type(LETTERS, { delay: 40 }),
    other.keyboard.type(NUMBERS, { delay: 40 }),
  ]);
  await expect.poll(async () => (await field(one).inputValue()).length).toBeGreaterThan(15);
  await server.kill();
  await Promise.all([offline(one), offline(other)]);
  await typing;
  for (const page of [one, other]) {
    await expect
      .poll(() => statusOf(page).innerText())
      .toMatch(/^Offline: \d+ changes? (is|are) kept on this device$/);
    await page.getByTestId("banner").getByText("You are offline. Go on as usual").waitFor();
    await page.keyboard.press("Escape");
  }
  await addCards(one, "Done", ["while it was away"]);

  const down = performance.now();
  await server.restart();
  await agreed(one, other);
  console.log(
    `both pages were back ${((performance.now() - down) / 1000).toFixed(1)} s after the server was started`,
  );
  const [text = "", ...others] = await allCards(other);
  expect(others).toEqual(["while it was away"]);
  expect(text).toHaveLength(1 + LETTERS.length + NUMBERS.length);
  expect(text.replace(/[^a-z]/g, "")).toBe(LETTERS);
  expect(text.replace(/[^0-9]/g, "")).toBe(NUMBERS);
  await expect.poll(() => statusOf(one).innerText()).toBe("Saved");
  await expectServersState(server, "restart", [one, other]);
});

test("a server that lost its rooms still gets what a page could not send before", async () => {
  const server = await startServer();
  const one = await visitors.visit(addressOf(server, "lost"));
  await start(one);
  await server.kill();
  await offline(one);
  await addCards(one, "Done", ["kept"]);
  await server.restart();
  await agreed(one);
  expect(await allCards(one)).toEqual(["kept"]);
  await expectServersState(server, "lost", [one]);
});
