/** Boards and people that tests need ready-made. */

import type { Locator, Page } from "playwright-core";
import { keyBetween, type ObjectValue, type Room } from "../../../../clients/typescript/src/json";

/** A card of {@link BOARD}. */
interface Content {
  readonly id: string;
  readonly text: string;
  readonly colour?: string;
}

const BOARD: Readonly<Record<string, readonly Content[]>> = {
  "To do": [
    { id: "stops", text: "Ask the city for the new bus stops as open data", colour: "blue" },
    { id: "contrast", text: "Map legend: contrast is too low in sunlight", colour: "amber" },
    { id: "delays", text: "Show delays above 5 minutes in red" },
    { id: "feedback", text: "Read the 40 answers to the survey and sum them up for Thursday" },
    { id: "ferry", text: "Winter timetable of the ferry\nStarts on 14 December", colour: "blue" },
    { id: "console", text: "Dark colours for the departure board" },
    { id: "talk", text: "Slides for the city council" },
  ],
  "In progress": [
    {
      id: "offline",
      text: "Timetable must work in the tunnel: keep the last one that was lo",
      colour: "red",
    },
    { id: "search", text: "Search finds “Hauptbahnhof” for “main station”", colour: "violet" },
    { id: "bikes", text: "Which trains take bicycles?\nTable by line, with the hours", colour: "green" },
    { id: "icons", text: "Icons for tram, bus and ferry" },
    { id: "lifts", text: "Lifts that are out of order, on the map of the station" },
  ],
  Done: [
    { id: "name", text: "Find a name for the app", colour: "green" },
    { id: "beta", text: "Invite 200 people to the beta" },
    { id: "fares", text: "Fares of 2027, with the new zones" },
    { id: "crash", text: "Crash when the clock goes back an hour", colour: "red" },
    { id: "print", text: "Timetables to print, one page per stop" },
    { id: "hosting", text: "Ask for a second server" },
  ],
};

/** Gives a room columns and cards such as people have. Their ids are words, such as `offline`. */
export async function furnish(room: Room): Promise<void> {
  let place: string | null = null;
  for (const [title, cards] of Object.entries(BOARD)) {
    const column = title.toLowerCase().replace(" ", "-");
    place = keyBetween(place, null);
    void room.put("columns", column, { title, order: place });
    let order: string | null = null;
    for (const { id, ...data } of cards) {
      order = keyBetween(order, null);
      void room.put("cards", id, { column, order, ...data });
    }
  }
  await room.heartbeat();
}

/** Has somebody who has no browser look as if they had one: a name, and what else `doing` says. */
export function appear(room: Room, name: string, colour: number, doing: ObjectValue): void {
  room.presence.set({ name, colour, person: name, ...doing });
}

/** The card `id`, open or not. */
export function cardById(page: Page, id: string): Locator {
  return page.locator(`[data-card="${id}"]`);
}

/** The greatest of the smallest `share` of the numbers. */
export function percentile(numbers: readonly number[], share: number): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? 0;
}
