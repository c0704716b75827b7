import { type ReactNode, useCallback, useEffect, useState } from "react";
import { type Address, addressOf, linkTo } from "./address";
import { Board } from "./Board";
import { Header } from "./Header";
import { Inspector } from "./Inspector";
import { isRedo, isUndo } from "./keys";
import { Banner } from "./StatusChip";
import { type Session, SessionContext, useBoard, useSession } from "./session";
import { useSignal } from "./signal";
import { ToastList } from "./ToastList";

/** The whole page: the board that its address names. */
export function App(): ReactNode {
  const [address, visit, reopen] = useAddress();
  const session = useBoard(address);
  useEffect(() => {
    document.title = `${address.room} · board`;
  }, [address]);
  if (!session) return null;
  return (
    <SessionContext value={session}>
      <Page
        key={`${address.room} ${address.opening}`}
        session={session}
        address={address}
        visit={visit}
        reopen={reopen}
      />
    </SessionContext>
  );
}

interface PageProps {
  session: Session;
  address: Address;
  visit: (room: string) => void;
  reopen: () => void;
}

function Page({ session, address, visit, reopen }: PageProps): ReactNode {
  const [inspecting, setInspecting] = useState(address.inspect);
  const ready = useReady(session);
  useUndoKeys(session);
  return (
    <div className="page">
      <Header inspecting={inspecting} inspect={() => setInspecting(!inspecting)} visit={visit} />
      <Banner reopen={reopen} />
      <div className="work">
        <Board ready={ready} />
        {inspecting && <Inspector close={() => setInspecting(false)} />}
      </div>
      <ToastList />
      <Announcements />
    </div>
  );
}

/** What happens, for screen readers. */
function Announcements(): ReactNode {
  const { announcer } = useSession();
  const text = useSignal(announcer, () => announcer.text);
  return (
    <div className="hidden" aria-live="assertive" data-testid="announcements">
      {text}
    </div>
  );
}

/** The board in the page's address, the way to another one, and to this one anew. */
function useAddress(): [Address, visit: (room: string) => void, reopen: () => void] {
  const [address, setAddress] = useState(() => addressOf(new URL(location.href)));
  useEffect(() => {
    const read = () => setAddress(addressOf(new URL(location.href)));
    window.addEventListener("popstate", read);
    return () => window.removeEventListener("popstate", read);
  }, []);
  const visit = useCallback((room: string) => {
    history.pushState(null, "", linkTo(room, new URL(location.href)));
    setAddress(addressOf(new URL(location.href)));
  }, []);
  const reopen = useCallback(() => setAddress((same) => ({ ...same, opening: same.opening + 1 })), []);
  return [address, visit, reopen];
}

/** Whether the board's state is there: from this device, or from the server. */
function useReady({ room }: Session): boolean {
  const [ready, setReady] = useState(false);
  useEffect(() => {
    let here = true;
    const set = () => here && setReady(true);
    // It is never ready when it is closed before; the status says so.
    void room.ready.then(set, () => {});
    return () => {
      here = false;
    };
  }, [room]);
  return ready;
}

/** Ctrl+Z and Ctrl+Shift+Z anywhere but in fields, which have their own. */
function useUndoKeys({ model }: Session): void {
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      const { target } = event;
      if (target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement) return;
      if (isUndo(event)) model.undo();
      else if (isRedo(event)) model.redo();
      else return;
      event.preventDefault();
    };
    document.addEventListener("keydown", onKeyDown);
    return () => document.removeEventListener("keydown", onKeyDown);
  }, [model]);
}
