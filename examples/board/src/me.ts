import { newId } from "./id";
import { Signal } from "./signal";

/** How many colours people may have: `--person-0` and so on in the styles. */
export const PERSON_COLOURS = 8;
const NAME_CHARACTERS = 32;
const FIRST = [
  "Amber",
  "Brisk",
  "Calm",
  "Clever",
  "Gentle",
  "Jolly",
  "Keen",
  "Lucky",
  "Merry",
  "Quiet",
  "Sunny",
  "Swift",
];
const SECOND = [
  "Badger",
  "Finch",
  "Fox",
  "Hare",
  "Heron",
  "Lynx",
  "Marten",
  "Otter",
  "Owl",
  "Robin",
  "Seal",
  "Wren",
];

/** Oneself: a name and a colour, kept in this browser. */
export class Me extends Signal {
  /** The same in all windows of this browser. */
  readonly person = kept("person", newId);
  name = kept("name", () => `${pick(FIRST)} ${pick(SECOND)}`);
  colour =
    Number(kept("colour", () => String(Math.floor(Math.random() * PERSON_COLOURS)))) % PERSON_COLOURS || 0;

  /** Takes another name, unless nothing is left of it. */
  rename(typed: string): void {
    const name = shortName(typed);
    if (name === "" || name === this.name) return;
    this.name = name;
    keep("name", name);
    this.emit();
  }

  paint(colour: number): void {
    this.colour = colour;
    keep("colour", String(colour));
    this.emit();
  }
}

/** A name as it may be shown: one line, not too long. */
export function shortName(name: string): string {
  return name.replace(/\s+/g, " ").trim().slice(0, NAME_CHARACTERS);
}

function pick(words: readonly string[]): string {
  return words[Math.floor(Math.random() * words.length)] ?? "";
}

function kept(key: string, make: () => string): string {
  try {
    const value = localStorage.getItem(`revring-board:${key}`);
    if (value) return value;
  } catch {
    // A browser that keeps nothing: the name is then for this page.
  }
  const value = make();
  keep(key, value);
  return value;
}

function keep(key: string, value: string): void {
  try {
    localStorage.setItem(`revring-board:${key}`, value);
  } catch {
    // See above.
  }
}
