/** What an agent keeps of itself for whoever looks for a mistake. A page of a browser keeps none of it, and does not load this. */
import { recordHost } from "../host/recording.ts";
import { openIncidentLog } from "./incident-log.ts";
import { openInputLog } from "./input-log.ts";

export interface Diary {
  /** The machine, watched. */
  readonly record: typeof recordHost;
  /** What came in, in the folder's `inputs/`. */
  readonly inputs: typeof openInputLog;
  /** What went wrong, in the folder's ledger of incidents. */
  readonly incidents: typeof openIncidentLog;
}

export const diary: Diary = { record: recordHost, inputs: openInputLog, incidents: openIncidentLog };
