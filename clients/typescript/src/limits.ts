import type { Limits } from "./types.js";

/** The bounds a server has when nothing is configured: they count until `JOINED` tells those of the room. */
export const DEFAULT_LIMITS: Limits = {
  ringOps: 1024,
  ringBytes: 4 << 20,
  inFlight: 256,
  messageBytes: 256 << 10,
  changesPerUpdate: 256,
  operationBytes: 1 << 20,
  recordBytes: 512 << 10,
  documentBytes: 64 << 20,
  depth: 32,
  presenceBytes: 4 << 10,
  silenceMs: 45_000,
  updatesPerSecond: 0,
};

/** Accepted ids that a server remembers of each client (rule U-3). */
export const REMEMBERED_IDS = 256;

/** Nesting levels of the data in a message: those of a whole message (rule V-5) without the envelope's. */
export const DATA_DEPTH = 48 - 8;

/** Size added to an operation, and to each of its changes, for ids and numbers (rule D-9). */
export const OPERATION_OVERHEAD = 256;
export const CHANGE_OVERHEAD = 160;
