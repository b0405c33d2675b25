export type { Folder } from "../host/folder.ts";
export type { GivenPiece, Handler } from "./drain.ts";
export type { Damage } from "./journal.ts";
export type { Json } from "./json.ts";
export type { Steps } from "./ledger.ts";
export { letIn } from "./let-in.ts";
export type { OffPeak } from "./off-peak.ts";
export { openWork } from "./open.ts";
export type { WorkSettings, WorkState } from "./piece.ts";
export { type Found, openShelf, type Shelf } from "./shelf.ts";
export { type GivenStep, type Step, type TaskPlan, task } from "./task.ts";
export {
  type ClassDepth,
  createWork,
  type Decision,
  type DeferTerms,
  type HandlerTerms,
  type Work,
  type WorkDepth,
  type WorkOptions,
  type WorkPorts,
  type WorkStatus,
} from "./work.ts";
