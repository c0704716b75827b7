import { createContext, useContext, useEffect, useState } from "react";
import { connect, type Room } from "revring";
import { browserStore } from "revring/offline";
import { useOpenRoom } from "revring/react";
import { undo } from "revring/undo";
import type { Address } from "./address";
import { Announcer } from "./announcer";
import { Drag } from "./drag";
import { Editing } from "./editing";
import { Lineup } from "./lineup";
import { Me } from "./me";
import { Model } from "./model";
import { People } from "./people";
import { OwnPresence } from "./presence";
import { Reporter } from "./report";
import { Toasts } from "./toasts";

/** One opened board and what belongs to it; none of the parts is ever another one, so that having it draws nothing anew. */
export interface Session {
  readonly room: Room;
  readonly lineup: Lineup;
  readonly model: Model;
  readonly people: People;
  readonly me: Me;
  readonly presence: OwnPresence;
  readonly editing: Editing;
  readonly drag: Drag;
  readonly toasts: Toasts;
  readonly announcer: Announcer;
}

const me = new Me();
const store = browserStore();

/** The board at `address`; another one when the address is another object. */
export function useBoard(address: Address): Session | undefined {
  const { server, room: name, token, opening } = address;
  const open = () => connect(server, { room: name, store, undo, ...(token !== undefined && { token }) });
  const room = useOpenRoom(open, [server, name, opening].join("\n"));
  const [session, setSession] = useState<Session>();
  useEffect(() => {
    if (!room) return;
    const begun = begin(room);
    setSession(begun.session);
    return begun.end;
  }, [room]);
  return session?.room === room ? session : undefined;
}

function begin(room: Room): { session: Session; end: () => void } {
  const toasts = new Toasts();
  const editing = new Editing();
  const announcer = new Announcer();
  const lineup = new Lineup(room);
  const drag = new Drag(lineup);
  const reporter = new Reporter(room, toasts, editing, drag);
  const model = new Model(room, lineup, reporter);
  const people = new People(room);
  const presence = new OwnPresence(room, me);
  const end = () => {
    for (const part of [lineup, reporter, people, presence]) part.close();
  };
  return { session: { room, lineup, model, people, me, presence, editing, drag, toasts, announcer }, end };
}

/** The session that the components below work with. */
export const SessionContext = createContext<Session | undefined>(undefined);

/** The opened board. */
export function useSession(): Session {
  const session = useContext(SessionContext);
  if (!session) throw new Error("no board is open here");
  return session;
}
