/** The formats by themselves, for tools that read what travels or is kept: envelopes, frames, shapes, ids, errors. */

export { decodeAck, decodeDeliver, decodeMail } from "./control.ts";
export { decodeEnvelope, digestMatches, type Envelope, type EnvelopeClass, type EnvelopeHeader } from "./envelope.ts";
export { ERROR_CODES, type ErrorCode, isPerdureError, PerdureError, type Retry } from "./error.ts";
export { decodeTransport, FRAME_TYPES, type Frame, type FrameName } from "./frame.ts";
export { type AgentId, agentIdBytes, agentIdText, isAgentId, isAgentName, type MessageId, messageIdText, parseMessageId } from "./ids.ts";
export type { Extension, Field, Form, Shape } from "./shape.ts";
export { SHAPES_BY_PAGE } from "./shapes.ts";
