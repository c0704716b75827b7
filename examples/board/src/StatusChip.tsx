import { type ReactNode, useState } from "react";
import { useSession } from "./session";
import { wordsFor } from "./status-words";
import { useSettled, useSteadyStatus } from "./use-status";

/** A save that is over sooner is not worth a word, in milliseconds. */
const QUIET_MS = 400;
/** How long an offline state lasts before the banner comes, in milliseconds. */
const BANNER_MS = 800;

/** How the board stands with its server, in a few words. */
export function StatusChip(): ReactNode {
  const { room } = useSession();
  const status = useSteadyStatus(room);
  const saving = status.state === "live" && status.pending > 0;
  const slow = useSettled(saving, saving ? QUIET_MS : 0);
  const words = wordsFor(saving && !slow ? { ...status, pending: 0 } : status);
  return (
    <div
      className="status"
      data-tone={words.tone}
      data-state={status.state}
      data-pending={status.pending}
      data-testid="status"
    >
      <span className="dot" aria-hidden="true" />
      <span data-testid="status-words">{words.short}</span>
      <Spoken />
    </div>
  );
}

/** What screen readers hear of it: that the connection went and came, not each save. */
function Spoken(): ReactNode {
  const { room } = useSession();
  const status = useSteadyStatus(room);
  const { tone, short, long = short } = wordsFor(status);
  const gone = tone === "away" || tone === "ended";
  const [was, setWas] = useState(false);
  if (gone && !was) setWas(true);
  return (
    <span className="hidden" role="status">
      {gone ? long : was && status.state === "live" ? "Connected again." : ""}
    </span>
  );
}

/** Says that one is offline, and what that means; not for a moment's loss. */
export function Banner({ reopen }: { reopen: () => void }): ReactNode {
  const { room } = useSession();
  const status = useSteadyStatus(room);
  const { tone, long } = wordsFor(status);
  const shown = useSettled(tone, tone === "away" ? BANNER_MS : 0) === tone;
  if (!shown || long === undefined) return null;
  return (
    <section className="banner" data-tone={tone} aria-label="Connection" data-testid="banner">
      <p>{long}</p>
      {status.state === "closed" ? (
        <button type="button" className="quiet" data-testid="reopen" onClick={reopen}>
          {status.code === "SUPERSEDED" ? "Use it here" : "Try again"}
        </button>
      ) : (
        <button type="button" className="quiet" data-testid="reconnect" onClick={() => room.reconnect()}>
          Try now
        </button>
      )}
    </section>
  );
}
