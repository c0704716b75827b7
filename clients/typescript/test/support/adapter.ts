/** Does what the control connection of `revring-conformance play` says, with one room for each fixture. */

import { WebSocket } from "ws";
import { connect, type Outcome, type Room } from "../../src/index";

type Action = { readonly [field: string]: unknown };

/** A room, and what became of its updates. */
interface Actor {
  readonly room: Room;
  readonly outcomes: { [id: string]: unknown };
}

/** Follows the control connection at `url` to its end. */
export function follow(url: string): Promise<void> {
  const control = new WebSocket(url);
  const actors = new Map<string, Actor>();
  return new Promise((resolve, reject) => {
    control.on("message", async (text) => {
      const action: Action = JSON.parse(String(text));
      const answer = await act(actors, action).catch((error) => ({ ok: false, error: String(error) }));
      control.send(JSON.stringify({ ok: true, ...answer }));
    });
    control.on("close", () => resolve());
    control.on("error", reject);
  });
}

async function act(actors: Map<string, Actor>, action: Action): Promise<object> {
  const fixture = text(action, "fixture");
  if (action.do === "connect") {
    actors.set(fixture, connectActor(action));
    return {};
  }
  const actor = actors.get(fixture);
  if (action.do === "done") {
    actors.delete(fixture);
    await actor?.room.close();
    return {};
  }
  if (!actor) throw new Error("it has not connected");
  switch (action.do) {
    case "reconnect":
      actor.room.reconnect();
      return {};
    case "disconnect":
      actor.room.disconnect();
      return {};
    case "apply":
      apply(actor, action);
      return {};
    case "report":
      return report(actor);
    default:
      throw new Error(`unknown action ${action.do}`);
  }
}

function connectActor(action: Action): Actor {
  const room = connect(text(action, "url"), {
    room: text(action, "room"),
    clientKey: text(action, "clientKey"),
    codec: text(action, "subprotocol") === "revring.v1.json" ? "json" : "msgpack",
    onGap: action.onGap === "discard" ? "discard" : "resubmit",
    WebSocket,
  });
  const outcomes: { [id: string]: unknown } = {};
  room.on("outcome", ({ id, outcome }) => {
    outcomes[id] = inWords(outcome);
  });
  return { room, outcomes };
}

function inWords(outcome: Outcome): unknown {
  if (outcome.status === "accepted") return { accepted: outcome.rev };
  return outcome.status === "rejected" ? { rejected: outcome.code } : "discarded";
}

function apply({ room }: Actor, action: Action): void {
  const { changes } = action;
  if (!Array.isArray(changes)) throw new Error("changes are missing");
  void room.update(changes, { id: text(action, "clientReqId") });
}

function report({ room, outcomes }: Actor): object {
  const view = room.collections().map((collection) => {
    const records = room.list(collection).map((record) => [record.id, record.data]);
    return [collection, Object.fromEntries(records)];
  });
  return {
    rev: room.rev,
    epoch: room.epoch ?? null,
    pending: room.pending,
    view: Object.fromEntries(view),
    checksum: room.checksum(),
    outcomes,
  };
}

function text(action: Action, field: string): string {
  const value = action[field];
  if (typeof value !== "string") throw new Error(`${field} is missing`);
  return value;
}
