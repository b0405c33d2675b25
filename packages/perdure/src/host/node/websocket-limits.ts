import { FIXED } from "../../settings/fixed.ts";

/** Options of a WebSocket, accepted or dialled, that limit anything. */
export function webSocketLimits(maxMessageBytes: number): {
  readonly perMessageDeflate: false;
  readonly maxPayload: number;
  readonly maxFragments: number;
  readonly maxBufferedChunks: number;
  readonly maxPendingAutoPongs: number;
  readonly closeTimeout: number;
} {
  return {
    perMessageDeflate: false,
    maxPayload: maxMessageBytes,
    maxFragments: FIXED.messageFragments.value,
    maxBufferedChunks: FIXED.messageChunks.value,
    maxPendingAutoPongs: FIXED.unansweredPings.value,
    closeTimeout: FIXED.closeTimeoutMs.value,
  };
}
