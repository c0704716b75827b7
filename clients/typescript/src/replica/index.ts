/** The client's half of the protocol (section K). */

export { UpdateError, type UpdateErrorCode } from "../update-error.js";
export type {
  OnGap,
  Outcome,
  ReplicaEvent,
} from "./event.js";
export { foreign, type OnForeign } from "./foreign.js";
export { Replica, type ReplicaStatus } from "./replica.js";
export type { SavedPending, SavedReplica, SavedUpdate } from "./save.js";
export type { ReplicaConfig } from "./state.js";
