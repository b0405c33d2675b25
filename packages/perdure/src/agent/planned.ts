/** A record to be kept: in force once the agent's log has it. */
import type { Bytes } from "../wire/bytes.ts";
import type { Kept } from "../wire/kept-agent.ts";

export interface Planned {
  readonly kept: Kept;
  readonly payload?: Bytes;
}
