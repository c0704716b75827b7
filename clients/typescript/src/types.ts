/** The protocol's words as types: values, changes, messages (protocol/SPEC.md). */

/** A JSON value. Values that the SDK hands out are shared: never change them. */
export type Value = null | boolean | number | string | readonly Value[] | ObjectValue;

/** A JSON object. */
export interface ObjectValue {
  readonly [key: string]: Value;
}

/** A room's revision: the number of its latest operation; 0 is the empty room. */
export type Rev = number;

/** A record. Records are immutable: one that changed is another object, one that did not is the same. */
export interface Rec<T extends object = ObjectValue> {
  readonly collection: string;
  readonly id: string;
  /** 1 when created, one more for each operation that changed it. Of a record with pending updates, a guess. */
  readonly version: number;
  /** Milliseconds since 1970 by the server's clock. */
  readonly createdAt: number;
  /** Milliseconds since 1970 by the server's clock. */
  readonly updatedAt: number;
  readonly data: T;
}

/** A splice of a string (positions count Unicode code points) or of an array (rule S-1). */
export interface Splice {
  readonly at: number;
  readonly remove: number;
  readonly insert: string | readonly Value[];
}

interface On {
  readonly collection: string;
  readonly id: string;
  /** The record's version; 0: it must not exist (rule D-3). */
  readonly ifVersion?: number;
}

/** One edit of one record (rule D-1). */
export type Change =
  | (On & { readonly op: "put"; readonly data: ObjectValue })
  | (On & { readonly op: "merge"; readonly data: ObjectValue })
  | (On & { readonly op: "set"; readonly path: string; readonly value: Value })
  | (On & { readonly op: "unset"; readonly path: string })
  | (On & { readonly op: "delete" })
  | (On & { readonly op: "add"; readonly path: string; readonly by: number })
  | (On & { readonly op: "splice"; readonly path: string } & Splice);

interface EffectOn {
  readonly collection: string;
  readonly id: string;
  /** The record's version after the operation. */
  readonly version: number;
}

/** What a change did, as the server accepted it (rule O-6). */
export type Effect =
  | (EffectOn & { readonly op: "put"; readonly data: ObjectValue })
  | (EffectOn & { readonly op: "merge"; readonly data: ObjectValue })
  | (EffectOn & { readonly op: "set"; readonly path: string; readonly value: Value })
  | (EffectOn & { readonly op: "unset"; readonly path: string })
  | (EffectOn & { readonly op: "delete" })
  | (EffectOn & { readonly op: "splice"; readonly path: string } & Splice);

/** An accepted update. */
export interface Operation {
  readonly rev: Rev;
  readonly clientId: string;
  readonly clientReqId: string;
  /** Milliseconds since 1970 by the server's clock; never decreases in a room. */
  readonly at: number;
  readonly changes: readonly Effect[];
}

/** A room's bounds, as `JOINED` tells them. */
export interface Limits {
  readonly ringOps: number;
  readonly ringBytes: number;
  readonly inFlight: number;
  readonly messageBytes: number;
  readonly changesPerUpdate: number;
  readonly operationBytes: number;
  readonly recordBytes: number;
  readonly documentBytes: number;
  readonly depth: number;
  readonly presenceBytes: number;
  readonly silenceMs: number;
  readonly updatesPerSecond: number;
}

/** Which record an update met in another state than it asked for. */
export interface Conflict {
  readonly collection: string;
  readonly id: string;
  /** The record's version now; 0: it does not exist. */
  readonly version: number;
  readonly path?: string;
}

/** The codes of rule E-1. */
export type Code =
  | "MALFORMED"
  | "INVALID"
  | "UNKNOWN_TYPE"
  | "WRONG_FRAME"
  | "TOO_LARGE"
  | "UNAUTHENTICATED"
  | "FORBIDDEN"
  | "ALREADY_JOINED"
  | "JOIN_TIMEOUT"
  | "SUPERSEDED"
  | "SILENT"
  | "SHUTTING_DOWN"
  | "TOO_MANY_ROOMS"
  | "TOO_MANY_CONNECTIONS"
  | "ROOM_FULL"
  | "NOT_FOUND"
  | "INVALID_CHANGE"
  | "CONFLICT"
  | "BASE_TOO_OLD"
  | "OUTCOME_UNKNOWN"
  | "RATE_LIMITED"
  | "UNAVAILABLE";

/** Why a client's position could not be resumed from (rule F-4). */
export type GapReason = "behind" | "ahead" | "epoch";

/** The messages of a client. */
export type ClientMessage =
  | {
      readonly type: "JOIN";
      readonly room: string;
      readonly clientKey?: string;
      readonly epoch?: string;
      readonly lastRev?: Rev;
      readonly token?: string;
    }
  | UpdateMessage
  | { readonly type: "PRESENCE"; readonly data: ObjectValue | null }
  | { readonly type: "HEARTBEAT" }
  | { readonly type: "RESYNC"; readonly epoch?: string; readonly lastRev?: Rev }
  | { readonly type: "LEAVE" };

export interface UpdateMessage {
  readonly type: "UPDATE";
  readonly clientReqId: string;
  readonly changes: readonly Change[];
  readonly baseRev?: Rev;
  readonly firstRev?: Rev;
}

/** A record as it stands in a snapshot. */
export interface StoredRecord {
  readonly version: number;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly data: ObjectValue;
}

export interface JoinedMessage {
  readonly type: "JOINED";
  readonly clientId: string;
  readonly clientKey?: string;
  readonly room: string;
  readonly epoch: string;
  readonly rev: Rev;
  readonly resumed: boolean;
  readonly limits: Limits;
  readonly heartbeatMs: number;
}

export interface SnapshotMessage {
  readonly type: "SYNC.SNAPSHOT";
  readonly rev: Rev;
  readonly epoch: string;
  readonly part: number;
  readonly last: boolean;
  readonly state: { readonly [collection: string]: { readonly [id: string]: StoredRecord } };
  readonly checksum?: string;
}

export interface DeltasMessage {
  readonly type: "SYNC.DELTAS";
  readonly fromRev: Rev;
  readonly toRev: Rev;
  readonly ops: readonly Operation[];
}

export interface GapMessage {
  readonly type: "REVISION_GAP";
  readonly expectedRev: Rev;
  readonly serverRev: Rev;
  readonly bufferFirstRev: Rev;
  readonly resumeFrom: Rev;
  readonly reason: GapReason;
  readonly acked: readonly { readonly clientReqId: string; readonly rev: Rev }[];
}

export interface RejectMessage {
  readonly type: "REJECT";
  readonly clientReqId: string;
  readonly code: Code;
  readonly message: string;
  readonly retryable: boolean;
  readonly retryAfterMs?: number;
  readonly conflict?: Conflict;
}

export interface ErrorMessage {
  readonly type: "ERROR";
  readonly code: Code;
  readonly message: string;
  readonly retryable: boolean;
  readonly retryAfterMs?: number;
}

/** The messages of a server. */
export type ServerMessage =
  | JoinedMessage
  | SnapshotMessage
  | DeltasMessage
  | GapMessage
  | { readonly type: "ACK"; readonly clientReqId: string; readonly rev: Rev; readonly duplicate?: boolean }
  | RejectMessage
  | {
      readonly type: "PRESENCE";
      readonly clients: { readonly [clientId: string]: ObjectValue | null };
      readonly full?: boolean;
    }
  | { readonly type: "HEARTBEAT"; readonly rev: Rev; readonly checksum: string }
  | ErrorMessage;
