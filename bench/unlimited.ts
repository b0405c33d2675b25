/** Settings of a relay that is measured, not guarded. */

/**
 * What a few agents send in some benchmarks is what a whole relay can take, and thousands of them begin at once; no relay's defaults let
 * them.
 */
export const UNLIMITED = {
  relayConnections: 100_000,
  relayHandshakes: 10_000,
  sourceConnections: 100_000,
  registrationsPerHour: 1_000_000,
  registrationsBurst: 1_000_000,
  agentRequestsPerSecond: 1_000_000,
  agentRequestsBurst: 1_000_000,
  // Clients that are slowed down by whatever else the machine does leave more waiting than one sender's share.
  mailboxMessages: 1_000_000,
  storeMessages: 1_000_000,
  senderPercent: 100,
  senderStoredPercent: 100,
  strangersPercent: 100,
  agentMessagesPerSecond: 1_000_000,
  agentMessagesBurst: 10_000_000,
  agentBytesPerSecond: 2 ** 32,
  agentBytesBurst: 2 ** 34,
  peerMessagesPerSecond: 1_000_000,
  peerMessagesBurst: 10_000_000,
  peerBytesPerSecond: 2 ** 32,
  peerBytesBurst: 2 ** 34,
};
