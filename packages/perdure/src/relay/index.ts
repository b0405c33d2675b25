/** `import { openRelay } from "perdure/relay"` on Node. */
export type { Incident } from "./incidents.ts";
export { openRelay } from "./node.ts";
export type { Relay, RelayOptions } from "./open-relay.ts";
export type { AgentRow, RelayStatus } from "./status.ts";
