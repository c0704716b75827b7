/** Rows of writes, and what a seat is to hold after them. */

import fc from "fast-check";
import type { SavedPending, SavedUpdate } from "../../src/replica/save.js";
import type { SeatWrite } from "../../src/store.js";
import type { Rec } from "../../src/types.js";
import { pending, record, saved } from "./values.js";

const ids = fc.constantFrom("a", "b", "c", "d");
const update = fc.record({ id: ids, firstRev: fc.nat(3) });

/** One write. */
export const step = fc.record({
  queue: fc.uniqueArray(update, { selector: ({ id }) => id }),
  records: fc.array(fc.tuple(ids, fc.option(fc.nat(9), { nil: undefined }))),
  all: fc.boolean(),
});

/** See the file. */
export class Model {
  queue: readonly SavedUpdate[] = [];
  readonly records = new Map<string, Rec>();

  /** The write that makes this of what was before. Records are ids and their content, undefined: removed. */
  write(
    queue: readonly { id: string; firstRev: number }[],
    records: readonly (readonly [string, number | undefined])[],
    all: boolean,
  ): SeatWrite {
    this.queue = queue.map(({ id, firstRev }) => saved(id, { firstRev }));
    if (all) this.records.clear();
    const changed = new Map<string, Rec | undefined>();
    for (const [id, n] of records) changed.set(`c\n${id}`, n === undefined ? undefined : record(id, { n }));
    for (const [key, value] of changed) {
      if (value) this.records.set(key, value);
      else this.records.delete(key);
    }
    return { pending: this.saved(), records: all ? new Map(this.records) : changed, all };
  }

  saved(): SavedPending {
    return pending([...this.queue]);
  }
}
