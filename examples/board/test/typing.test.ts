import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeEach, expect, test } from "vitest";
import { addCards, addressOf, agreed, allCards, card, field, openCard, start } from "./support/board";
import { Visitors } from "./support/browser";
import { type Server, startServer, stopServers } from "./support/server";
import { expectServersState, join, leaveRooms } from "./support/state";

const visitors = new Visitors();
let server: Server;
beforeEach(async () => {
  server = await startServer();
});
afterEach(async () => {
  await leaveRooms();
  await visitors.leave();
  await stopServers();
});
afterAll(() => visitors.close());

/** Pages of `count` people who all have the card `text` open, each with the caret behind it. */
async function writers(count: number, text: string): Promise<Page[]> {
  const pages = await Promise.all(
    Array.from({ length: count }, () => visitors.visit(addressOf(server, "typing"))),
  );
  const [first] = pages;
  if (!first) throw new Error("no pages");
  await start(first);
  await addCards(first, "To do", [text]);
  for (const page of pages) {
    await card(page, text).waitFor();
    await openCard(page, text);
  }
  return pages;
}

/** Types at a typist's pace, so that the others' letters come in between. */
const typeAll = (page: Page, text: string) => page.keyboard.type(text, { delay: 15 });

/** The letters of `text` that stand in `alphabet`. */
const only = (text: string, alphabet: string) =>
  Array.from(text)
    .filter((letter) => alphabet.includes(letter))
    .join("");

const WRITTEN = ["abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789876543210123456789"];

test.for([2, 3])(
  "%i pages type into the same card at once: no letter is lost or out of order",
  async (people) => {
    const pages = await writers(people, "=");
    await Promise.all(pages.map((page, i) => typeAll(page, WRITTEN[i] ?? "")));
    const board = await agreed(...pages);
    const text = board[0]?.cards[0] ?? "";
    console.log(`${people} wrote: ${text}`);
    expect(text).toHaveLength(1 + WRITTEN.slice(0, people).join("").length);
    for (const written of WRITTEN.slice(0, people)) expect(only(text, written)).toBe(written);
    await expectServersState(server, "typing", pages);
  },
);

test("the caret of one who does not type stays between its letters while others type around it", async () => {
  const [reader, before, behind] = await writers(3, "left right");
  if (!reader || !before || !behind) throw new Error("no pages");
  await field(reader).evaluate((area: HTMLTextAreaElement) => area.setSelectionRange(4, 4));
  await before.keyboard.press("Home");
  await reader.evaluate(() => {
    const area = document.querySelector("textarea");
    const seen = new Set<string>();
    const look = () => {
      if (area)
        seen.add(`${area.value.slice(0, area.selectionStart).slice(-4)}|${area.value[area.selectionEnd]}`);
      requestAnimationFrame(look);
    };
    look();
    Object.assign(window, { seen });
  });
  await Promise.all([typeAll(before, "before👍🏽"), typeAll(behind, "behind")]);
  await expect.poll(() => field(reader).inputValue()).toBe("before👍🏽left rightbehind");
  const seen = await reader.evaluate(() => Array.from(Reflect.get(window, "seen")));
  expect(seen).toEqual(["left| "]);
  await reader.keyboard.type("!");
  await agreed(reader, before, behind);
  expect(await allCards(before)).toEqual(["before👍🏽left! rightbehind"]);
});

test("a caret stays between its letters when others' changes on both sides of it arrive at once", async () => {
  const [reader] = await writers(1, "left right");
  if (!reader) throw new Error("no page");
  const area = field(reader);
  await area.evaluate((area: HTMLTextAreaElement) => area.setSelectionRange(4, 4));
  const room = await join(server, "typing");
  const id = room.list("cards")[0]?.id ?? "";
  void room.group(() => {
    void room.text("cards", id, "/text").insert(0, "👍🏽 ");
    void room.text("cards", id, "/text").replace("👍🏽 left rig");
    void room.text("cards", id, "/text").replace("👍🏽 left rig, and more");
  });
  await expect.poll(() => area.inputValue()).toBe("👍🏽 left rig, and more");
  await reader.keyboard.type("!");
  expect(await area.inputValue()).toBe("👍🏽 left! rig, and more");
});

test("emoji of several code points are typed, deleted and passed on whole", async () => {
  const [one, other] = await writers(2, "x");
  if (!one || !other) throw new Error("no pages");
  for (const emoji of ["👩‍👩‍👧‍👦", "🇨🇭", "é", "👍🏽"]) await one.keyboard.insertText(emoji);
  await one.keyboard.press("Backspace");
  await other.keyboard.press("Home");
  await other.keyboard.insertText("🎉");
  await agreed(one, other);
  const [text = ""] = await allCards(other);
  expect(text.startsWith("🎉x👩‍👩‍👧‍👦🇨🇭é")).toBe(true);
  // Half a character could not be encoded.
  expect(() => encodeURIComponent(text)).not.toThrow();
});

test("what is being composed is left alone while others type, and arrives when it is done", async () => {
  const [one, other] = await writers(2, "go");
  if (!one || !other) throw new Error("no pages");
  await one.keyboard.type(" ");
  const cdp = await one.context().newCDPSession(one);
  const compose = (text: string) =>
    cdp.send("Input.imeSetComposition", { text, selectionStart: text.length, selectionEnd: text.length });
  await compose("に");
  await other.keyboard.press("Home");
  await typeAll(other, "let us ");
  await compose("にほ");
  await expect.poll(() => field(other).inputValue()).toBe("let us go ");
  expect(await field(one).inputValue()).toBe("go にほ");
  await compose("にほん");
  await cdp.send("Input.insertText", { text: "日本" });
  await agreed(one, other);
  expect(await allCards(other)).toEqual(["let us go 日本"]);
  await one.keyboard.type("!");
  await agreed(one, other);
  expect(await allCards(other)).toEqual(["let us go 日本!"]);
});
