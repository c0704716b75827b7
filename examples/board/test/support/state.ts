/** What pages and server have, beyond what is seen. */

import type { Page } from "playwright-core";
import { expect } from "vitest";
import { WebSocket } from "ws";
import { connect, type Room } from "../../../../clients/typescript/src/json";

const rooms: Room[] = [];

/** Somebody in the room who has no browser. */
export async function join(server: { url: string }, name: string): Promise<Room> {
  const room = connect(server.url, { room: name, WebSocket });
  rooms.push(room);
  await room.ready;
  return room;
}

/** Has those who {@link join}ed leave: for `afterEach`. */
export async function leaveRooms(): Promise<void> {
  await Promise.all(rooms.splice(0).map((room) => room.close()));
}

/** A state by its revision and checksum. */
export interface Stand {
  readonly rev: number;
  readonly checksum: string;
}

/** What the page has: the inspector copies it. */
export async function standOf(page: Page): Promise<Stand> {
  await page.bringToFront();
  const inspector = page.getByTestId("inspector");
  if (!(await inspector.isVisible()))
    await page.getByRole("button", { name: "Inspector", exact: true }).click();
  await inspector.getByRole("button", { name: "Copy state" }).click();
  await inspector.getByText("copied as JSON").waitFor();
  const text = await page.evaluate(() => navigator.clipboard.readText());
  await page.getByRole("button", { name: "Close the inspector" }).click();
  const { rev, checksum } = JSON.parse(text);
  return { rev, checksum };
}

/** Waits until each of the pages has what the server has. Nothing may change meanwhile. */
export async function expectServersState(server: { url: string }, name: string, pages: readonly Page[]) {
  const room = await join(server, name);
  const { rev, checksum } = await room.heartbeat();
  for (const page of pages) await expect.poll(() => standOf(page)).toEqual({ rev, checksum });
}
