/** Rooms in Node that outlive the process. */

export { type Keep, type Keeper, keep } from "./keeper.js";
export { fileStore } from "./node/file-store.js";
export {
  type Courier,
  memoryStore,
  type Seat,
  type SeatRequest,
  type SeatWrite,
  type Store,
} from "./store.js";
