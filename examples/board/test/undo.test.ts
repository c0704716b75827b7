import { afterAll, afterEach, expect, test } from "vitest";
import {
  addCards,
  addressOf,
  agreed,
  allCards,
  card,
  cardsIn,
  field,
  openCard,
  settled,
  start,
} from "./support/board";
import { Visitors } from "./support/browser";
import { startServer, stopServers } from "./support/server";
import { expectServersState, leaveRooms } from "./support/state";

const visitors = new Visitors();
afterEach(async () => {
  await leaveRooms();
  await visitors.leave();
  await stopServers();
});
afterAll(() => visitors.close());

test("undo takes back one's own changes alone, redo does them again", async () => {
  const server = await startServer();
  const url = addressOf(server, "undo");
  const [one, other] = [await visitors.visit(url), await visitors.visit(url)];
  await start(one);
  await addCards(one, "To do", ["mine"]);
  await card(other, "mine").waitFor();
  await addCards(other, "To do", ["theirs"]);
  await card(one, "theirs").waitFor();

  await one.getByRole("button", { name: "Undo", exact: true }).click();
  await agreed(one, other);
  expect(await allCards(other)).toEqual(["theirs"]);
  await one.getByRole("button", { name: "Redo", exact: true }).click();
  await agreed(one, other);
  expect(await cardsIn(other, "To do")).toEqual(["mine", "theirs"]);
  await other.keyboard.press("Control+z");
  await agreed(one, other);
  expect(await allCards(one)).toEqual(["mine"]);
  await other.keyboard.press("Control+Shift+z");
  await agreed(one, other);
  expect(await cardsIn(one, "To do")).toEqual(["mine", "theirs"]);
  await expectServersState(server, "undo", [one, other]);
});

test("undo while writing takes back one's own letters from between those of others", async () => {
  const server = await startServer();
  const url = addressOf(server, "undo");
  const [one, other] = [await visitors.visit(url), await visitors.visit(url)];
  await start(one);
  await addCards(one, "To do", ["text"]);
  await openCard(one, "text");
  await openCard(other, "text");
  await one.keyboard.type(" mine");
  await settled(one);
  await expect.poll(() => field(other).inputValue()).toBe("text mine");
  await other.keyboard.press("Home");
  await other.keyboard.type("their ");
  await expect.poll(() => field(one).inputValue()).toBe("their text mine");

  await one.keyboard.press("Control+z");
  await expect.poll(() => field(other).inputValue()).not.toContain("mine");
  await agreed(one, other);
  expect(await field(one).inputValue()).toMatch(/^their text ?$/);
  await one.keyboard.press("Control+y");
  await expect.poll(() => field(other).inputValue()).toBe("their text mine");
  await one.keyboard.type("!");
  await agreed(one, other);
  expect(await field(other).inputValue()).toBe("their text mine!");
  await expectServersState(server, "undo", [one, other]);
});

test("a card that was deleted comes back with what others wrote in it", async () => {
  const server = await startServer();
  const url = addressOf(server, "undo");
  const [one, other] = [await visitors.visit(url), await visitors.visit(url)];
  await start(one);
  await addCards(one, "To do", ["first", "second"]);
  await openCard(other, "second");
  await other.keyboard.type(" by two");
  await other.keyboard.press("Escape");
  await card(one, "second by two").focus();
  await one.keyboard.press("Delete");
  await agreed(one, other);
  expect(await allCards(other)).toEqual(["first"]);
  await one.getByTestId("toasts").getByRole("button", { name: "Undo" }).click();
  await agreed(one, other);
  expect(await cardsIn(other, "To do")).toEqual(["first", "second by two"]);
});
