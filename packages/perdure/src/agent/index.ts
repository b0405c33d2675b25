/** `import { openAgent } from "perdure"` on Node. */

export { type ErrorCode, isPerdureError, PerdureError } from "../wire/error.ts";
export type { AgentId, MessageId } from "../wire/ids.ts";
export type {
  Agent,
  AgentStatus,
  Body,
  Box,
  DeliveryState,
  Handler,
  InboxOptions,
  JsonValue,
  Mail,
  OpenOptions,
  SendOptions,
  Sent,
  ServeOptions,
  Step,
  Turn,
  Waiting,
} from "./api.ts";
export { openAgent } from "./node.ts";
