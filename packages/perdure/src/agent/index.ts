/** `import { openAgent } from "perdure"` on Node. */

export { type ErrorCode, isPerdureError, PerdureError } from "../wire/error.ts";
export type { AgentId, MessageId } from "../wire/ids.ts";
export type {
  Agent,
  AgentStatus,
  AskOptions,
  Body,
  Box,
  Contact,
  ContactRequest,
  Contacts,
  DeliveryState,
  Handler,
  Identity,
  IdentityChanged,
  InboxOptions,
  Invite,
  InviteOptions,
  JsonValue,
  Mail,
  OpenOptions,
  PausedThread,
  RetireOptions,
  RevokeOptions,
  RotateOptions,
  SendOptions,
  Sent,
  ServeOptions,
  Step,
  StrangersPolicy,
  Turn,
  Waiting,
} from "./api.ts";
export type { IdentityEventView, IdentityView, InboxKeyView, InstanceView } from "./identity-view.ts";
export { openAgent } from "./node.ts";
