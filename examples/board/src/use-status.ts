import { useEffect, useState } from "react";
import type { Room, Status } from "revring";
import { useStatus } from "revring/react";

/** The room's status, but attempts to connect again count as offline: nothing flickers while they fail. */
export function useSteadyStatus(room: Room): Status {
  const status = useStatus(room);
  const [away, setAway] = useState(false);
  const now =
    status.state === "offline" || status.state === "stale" || (away && status.state === "connecting");
  if (now !== away) setAway(now);
  return now && status.state === "connecting" ? { ...status, state: "offline" } : status;
}

/** `value`, but a new one only when it has stayed for `after` milliseconds. */
export function useSettled<T extends string | boolean>(value: T, after: number): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    if (after === 0) {
      setSettled(value);
      return;
    }
    const timer = setTimeout(() => setSettled(value), after);
    return () => clearTimeout(timer);
  }, [value, after]);
  return settled;
}
