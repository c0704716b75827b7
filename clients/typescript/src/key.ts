/** What names a record in a room. */

/** Which record: collection and id, between them a character that no name has (rule N-1). */
export type Key = string;

/** The key of a record, or of the one that a change is made on. */
export function keyOf(record: { readonly collection: string; readonly id: string }): Key {
  return `${record.collection}\n${record.id}`;
}
