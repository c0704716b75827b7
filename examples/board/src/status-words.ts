import type { Status } from "revring";
import { counted } from "./words";

/** How a status looks: calm unless there is something to do. */
export type Tone = "good" | "busy" | "away" | "ended";

/** A status in words for people. */
export interface StatusWords {
  readonly tone: Tone;
  /** A few words. */
  readonly short: string;
  /** What it means, and what to do; undefined: nothing to add. */
  readonly long: string | undefined;
}

/** Says a status in words. */
export function wordsFor(status: Status): StatusWords {
  const { state, pending } = status;
  switch (state) {
    case "live":
      return pending > 0 ? words("busy", `Saving ${counted(pending, "change")}…`) : words("good", "Saved");
    case "connecting":
      return words("busy", pending > 0 ? `Connecting… ${kept(pending)}` : "Connecting…");
    case "syncing":
      return words("busy", "Catching up…");
    case "closed":
      return closed(status);
    default:
      return words("away", pending > 0 ? `Offline: ${kept(pending)}` : "Offline", away(status));
  }
}

function kept(pending: number): string {
  return `${counted(pending, "change")} ${pending === 1 ? "is" : "are"} kept on this device`;
}

function away({ canWrite }: Status): string {
  return canWrite
    ? "You are offline. Go on as usual: your changes are kept on this device, and sent when the connection is back."
    : "You have been offline for a while. You can go on once the connection is back.";
}

function closed({ code, reason, pending }: Status): StatusWords {
  const safe = pending > 0 ? ` ${kept(pending)[0]?.toUpperCase() ?? ""}${kept(pending).slice(1)}.` : "";
  if (code === "SUPERSEDED")
    return words("ended", "Opened in another tab", `This board is open in another tab.${safe}`);
  if (code === "UNAUTHENTICATED" || code === "FORBIDDEN") {
    return words("ended", "No access", "This board needs an access token: open it by a link that has one.");
  }
  return words(
    "ended",
    "Not connected",
    `The board is not connected any more${reason ? `: ${reason}` : ""}.${safe}`,
  );
}

function words(tone: Tone, short: string, long?: string): StatusWords {
  return { tone, short, long };
}
