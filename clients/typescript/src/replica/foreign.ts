/** What operations of others move in values that the view shows, for the undo history. */

import { type Key, keyOf } from "../document.js";
import type { Extent } from "../splice.js";
import { isSplice } from "./pending.js";
import { lineOf, placeOf, type Walk } from "./rebase.js";

/** Told of splices of others that move a value, as they apply to what the view shows of it. */
export type OnForeign = (key: Key, path: string, splices: readonly Extent[]) => void;

/** Tells of the splices of others in each rebase, when it is `Replica.onForeign`. */
export const foreign =
  (tell: OnForeign) =>
  (walk: Walk): void => {
    const places = new Map(walk.theirs.filter(isSplice).map((splice) => [placeOf(splice), splice]));
    for (const splice of places.values()) {
      const splices = lineOf(walk, splice);
      if (splices?.length) tell(keyOf(splice), splice.path, splices);
    }
  };
