/** What separates rooms in one browser: who uses it, the server, the room. */

/** The scope of a room; without room, or server and room, the beginning that all of them share. */
export function scopeOf(user: string, url?: string, room?: string): string {
  const names = [user];
  if (url !== undefined) names.push(serverOf(url));
  if (room !== undefined) names.push(room);
  const text = JSON.stringify(names);
  return room === undefined ? `${text.slice(0, -1)},` : text;
}

/** The part of an address that names a server: neither credentials nor what may differ each time. */
export function serverOf(url: string): string {
  const base = typeof location === "undefined" ? undefined : location.href;
  const { protocol, host, pathname } = new URL(url, base);
  const path = pathname === "/" ? "/v1/ws" : pathname;
  return `${protocol.replace("http", "ws")}//${host}${path}`;
}
