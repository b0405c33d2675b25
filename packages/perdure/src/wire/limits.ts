/**
 * Limits of the formats themselves: what a decoder refuses whatever the settings say. They are part of wire version 1.
 * Limits an operator can change live in `settings/`.
 */

/** The version every envelope, transport message and signed array starts with. What it says of 1 does not change any more. */
export const WIRE_VERSION = 1;

/** Largest body of one envelope. A message of up to {@link MAX_MESSAGE_BYTES} travels as several envelopes (parts). */
export const MAX_ENVELOPE_BODY_BYTES = 320 * 1024;
/** Plain bytes in one part, chosen so that padding and sealing stay below {@link MAX_ENVELOPE_BODY_BYTES}. */
export const PART_BYTES = 256 * 1024;
/** Largest message a sender may hand to `send`. */
export const MAX_MESSAGE_BYTES = 8 * 1024 * 1024;
/** Parts of the largest message. */
export const MAX_PARTS: number = MAX_MESSAGE_BYTES / PART_BYTES;
/** Largest transport message (one WebSocket binary message): one full envelope, or many small frames. */
export const MAX_TRANSPORT_BYTES = 512 * 1024;
/** Largest control frame or record outside envelopes. */
export const MAX_CONTROL_BYTES = 64 * 1024;
/** Largest identity event (protocol: 4 KB). */
export const MAX_EVENT_BYTES = 4096;
/** Events of one identity log that travel with a proof or a message. */
export const MAX_LOG_EVENTS = 128;
/** Nothing may ask to wait longer than this: 30 days. */
export const MAX_EXPIRY_MS = 30 * 24 * 60 * 60 * 1000;
/** Refusals named when a link is taken up again; so nobody may have more frames of mail under way on it. */
export const MAX_LINK_REFUSALS = 1024;
/** Ranges above the floor in one settle. */
export const MAX_SETTLE_RANGES = 64;
/** A chain of automatic mail ends here. */
export const MAX_AUTO_DEPTH = 8;
/** Items in any list of a control array unless the shape says less. */
export const MAX_LIST_ITEMS = 1024;
/** Longest text field. */
export const MAX_TEXT_BYTES = 1024;
/** Nesting of CBOR arrays a decoder follows. */
export const MAX_NESTING = 8;
