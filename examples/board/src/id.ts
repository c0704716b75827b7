const LETTERS = "0123456789abcdefghijkmnpqrstuvwx";

/** A new id: 60 random bits as 12 letters. Works on pages without TLS, too. */
export function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => LETTERS[byte % 32]).join("");
}
