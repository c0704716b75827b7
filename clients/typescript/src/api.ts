/** What both `revring` and `revring/json` export. */

export type { BackoffOptions } from "./backoff.js";
export { add, del, type If, merge, put, set, splice, unset } from "./changes.js";
export type { WebSocketConstructor, WebSocketLike } from "./connection.js";
export type { ItemsField } from "./items.js";
export type { Keep, Keeper } from "./keeper.js";
export type { Presence } from "./presence.js";
export type { OnGap, Outcome } from "./replica/event.js";
export type { Heartbeat, Room, RoomEvent, UndoOption } from "./room.js";
export { keyBetween } from "./sortkey.js";
export type { Status } from "./status.js";
export type { Courier, Seat, SeatRequest, SeatWrite, Store } from "./store.js";
export type { Changes, RecordChange } from "./subscriptions.js";
export type { TextField } from "./text.js";
export type { Transaction } from "./transaction.js";
export type {
  Change,
  Code,
  Conflict,
  GapReason,
  Limits,
  ObjectValue,
  Rec,
  Rev,
  Splice,
  Value,
} from "./types.js";
export { UpdateError, type UpdateErrorCode } from "./update-error.js";
