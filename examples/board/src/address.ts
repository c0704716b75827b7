/** Which board, on which server: the page's address says it. */
export interface Address {
  readonly server: string;
  readonly room: string;
  readonly token: string | undefined;
  readonly inspect: boolean;
  /** Another number opens the board anew. */
  readonly opening: number;
}

const DEFAULT_ROOM = "board";
/** Rule N-1. */
const ROOM_CHARACTERS = 128;

/** Reads `?room=` or `#room`, `?server=`, `?token=` and `?inspect`. */
export function addressOf(url: URL): Address {
  const query = url.searchParams;
  const fragment = decode(url.hash.slice(1));
  return {
    server: query.get("server") ?? url.origin,
    room: roomName(query.get("room") ?? fragment) ?? DEFAULT_ROOM,
    token: query.get("token") ?? undefined,
    inspect: query.has("inspect"),
    opening: 0,
  };
}

/** The page's address with another room. */
export function linkTo(room: string, page: URL): string {
  const url = new URL(page);
  url.hash = "";
  // A slash, a colon or an at sign may stand in a query as they are.
  url.searchParams.set("room", room);
  return url.href.replaceAll("%2F", "/").replaceAll("%3A", ":").replaceAll("%40", "@");
}

/** The valid room name that is nearest to what was typed; undefined: nothing is left of it. */
export function roomName(typed: string): string | undefined {
  const plain = typed.normalize("NFKD").replace(/\p{M}/gu, "").trim();
  const name = plain.replace(/\s+/g, "-").replace(/[^A-Za-z0-9\-_.:~@/]/g, "");
  return name === "" ? undefined : name.slice(0, ROOM_CHARACTERS);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
