export { openRelay, type OpenRelay, type Relay } from "./open-relay.ts";
export type { AgentRow, RelayStatus } from "./status.ts";
export type { Incident } from "./incidents.ts";
