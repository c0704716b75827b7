/** The messages of servers, checked (rule W-4). */

import {
  type Checks,
  count,
  flag,
  list,
  mapOf,
  mark,
  object,
  oneOf,
  optional,
  shape,
  text,
  union,
} from "./check.js";
import { DecodeError } from "./codec.js";
import { DEFAULT_LIMITS } from "./limits.js";
import { OPS, RECORD } from "./ops.js";
import type {
  Code,
  Conflict,
  DeltasMessage,
  Effect,
  Limits,
  Operation,
  ServerMessage,
  StoredRecord,
  Value,
} from "./types.js";
import { wordsOf } from "./words.js";

type Acked = { readonly clientReqId: string; readonly rev: number };

const CODES: readonly Code[] = [
  "MALFORMED",
  "INVALID",
  "UNKNOWN_TYPE",
  "WRONG_FRAME",
  "TOO_LARGE",
  "UNAUTHENTICATED",
  "FORBIDDEN",
  "ALREADY_JOINED",
  "JOIN_TIMEOUT",
  "SUPERSEDED",
  "SILENT",
  "SHUTTING_DOWN",
  "TOO_MANY_ROOMS",
  "TOO_MANY_CONNECTIONS",
  "ROOM_FULL",
  "NOT_FOUND",
  "INVALID_CHANGE",
  "CONFLICT",
  "BASE_TOO_OLD",
  "OUTCOME_UNKNOWN",
  "RATE_LIMITED",
  "UNAVAILABLE",
];

interface On {
  collection: string;
  id: string;
  version: number;
}

const on: Checks<On> = { ...RECORD, version: count };

// What is added is told as it is set.
const { add: _, ...effects } = OPS;
const effect = union<Effect, "op", On>("op", on, effects);

const operation = shape<Operation>({
  rev: count,
  clientId: text,
  clientReqId: text,
  at: count,
  changes: list(effect),
});

// Each bound is a count.
const limits = shape(
  Object.fromEntries(Object.keys(DEFAULT_LIMITS).map((name) => [name, count])) as Checks<Limits>,
);

const problem = { code: oneOf(CODES), message: text, retryable: flag, retryAfterMs: optional(count) };

const message = union<ServerMessage, "type", object>(
  "type",
  {},
  {
    JOINED: {
      clientId: text,
      clientKey: optional(text),
      room: text,
      epoch: text,
      rev: count,
      resumed: flag,
      limits,
      heartbeatMs: count,
    },
    "SYNC.SNAPSHOT": {
      rev: count,
      epoch: text,
      part: count,
      last: flag,
      state: mapOf(
        mapOf(shape<StoredRecord>({ version: count, createdAt: count, updatedAt: count, data: object })),
      ),
      checksum: optional(text),
    },
    "SYNC.DELTAS": { fromRev: count, toRev: count, ops: list(operation) },
    REVISION_GAP: {
      expectedRev: count,
      serverRev: count,
      bufferFirstRev: count,
      resumeFrom: count,
      reason: oneOf(["behind", "ahead", "epoch"]),
      acked: list(shape<Acked>({ clientReqId: text, rev: count })),
    },
    ACK: { clientReqId: text, rev: count, duplicate: mark },
    REJECT: {
      clientReqId: text,
      ...problem,
      conflict: optional(shape<Conflict>({ ...on, path: optional(text) })),
    },
    PRESENCE: {
      clients: mapOf((value, name) => (value === null ? value : object(value, name))),
      full: mark,
    },
    HEARTBEAT: { rev: count, checksum: text },
    ERROR: problem,
  },
);

/** The message of a server in what `parse` yields. Throws a {@link DecodeError} when it is none. */
export function decodeMessage(parse: () => Value): ServerMessage {
  try {
    const read = message(parse(), "a message");
    if (read.type === "SYNC.DELTAS") checkRevs(read);
    return read;
  } catch (error) {
    throw new DecodeError(wordsOf(error));
  }
}

function checkRevs({ fromRev, toRev, ops }: DeltasMessage): void {
  if (!ops.length || ops.length !== toRev - fromRev || ops.some(({ rev }, i) => rev !== fromRev + 1 + i)) {
    throw new DecodeError("ops must be those after fromRev, to toRev");
  }
}
