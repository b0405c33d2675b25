/** `import { openRelay } from "perdure/relay"` on Node. */
export type { IssuedTicket } from "../wire/owner-calls.ts";
export type { Incident } from "./incidents.ts";
export { openRelay } from "./node.ts";
export type { Relay, RelayOptions } from "./open-relay.ts";
export type { AgentRow, PeerRow, RelayStatus } from "./status.ts";
export type { TlsPaths } from "./tls-files.ts";
