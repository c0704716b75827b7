/**
 * One room and several replicas, connected by queues of encoded messages: whatever is done in whatever order, in the end
 * every replica has what the room has, and every update has ended once, in the way it was told.
 */

import fc from "fast-check";
import { test } from "vitest";
import { ALL, TYPING, type Weights } from "./make.js";
import { type Action, actions, type Setting, settings, World } from "./world.js";

const RUNS = Number(process.env.FC_RUNS ?? 60);

function run(setting: Setting, happens: readonly Action[]): void {
  const world = new World(setting);
  for (const action of happens) world.act(action);
  world.settle();
  world.checkEnd();
}

test.each<[string, Weights]>([
  ["k2 every replica ends as the room", ALL],
  ["s8 authors of one text converge", TYPING],
])(
  "%s",
  (_, weights) => {
    fc.assert(fc.property(settings, actions(weights), run), { numRuns: RUNS });
  },
  600_000,
);
