import type { Change, Outcome, Rec, RecordChange, Room } from "revring";

/** How many records and updates are remembered. */
const REMEMBERED = 100;

/**
 * Finds the cards whose text would be lost: one typed into them, here or before a reload, and somebody deleted them, or
 * replaced their text, before that came to the server.
 */
export class Rescue {
  /** Cards as they were here, with what one typed, before others changed them. */
  private readonly seen = new Map<string, Rec>();
  /** The cards that updates typed into, by the update's id. */
  private readonly typing = new Map<string, string>();
  /** Cards that lost an update which still shows. */
  private readonly losing = new Set<string>();
  private readonly stop: () => void;

  /** @param found Told of a card whose text is lost, as it was. */
  constructor(
    room: Room,
    private readonly found: (card: Rec) => void,
  ) {
    this.stop = room.on("sent", ({ message }) => {
      if (message.type === "UPDATE") this.sent(message.clientReqId, message.changes);
    });
  }

  /** Others changed a card. */
  changed({ id, before, after }: RecordChange): void {
    if (!before) return;
    if (this.losing.delete(id)) this.found(before);
    else if (after?.data.text !== before.data.text) remember(this.seen, id, before);
  }

  /** An update came to its end; true: it typed, and what became of that is found out here. */
  ended(id: string, outcome: Outcome): boolean {
    const sent = this.typing.get(id);
    this.typing.delete(id);
    if (outcome.status !== "rejected") return false;
    // One that was never sent on this connection names what it met.
    const { conflict } = outcome;
    const card =
      sent ?? (conflict?.collection === "cards" && conflict.path === "/text" ? conflict.id : undefined);
    if (card === undefined) return false;
    const record = this.seen.get(card);
    if (record) this.found(record);
    else this.losing.add(card);
    return outcome.code === "NOT_FOUND" || outcome.code === "CONFLICT";
  }

  close(): void {
    this.stop();
  }

  private sent(id: string, changes: readonly Change[]): void {
    const typing = changes.find(({ op, collection }) => op === "splice" && collection === "cards");
    if (typing) remember(this.typing, id, typing.id);
  }
}

function remember<K, V>(known: Map<K, V>, key: K, value: V): void {
  known.delete(key);
  known.set(key, value);
  const [oldest] = known.keys();
  if (known.size > REMEMBERED && oldest !== undefined) known.delete(oldest);
}
