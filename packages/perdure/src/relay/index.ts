export type { Incident } from "./incidents.ts";
export { type OpenRelay, openRelay, type Relay } from "./open-relay.ts";
export type { AgentRow, RelayStatus } from "./status.ts";
