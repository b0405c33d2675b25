/** Which of what a product says is an alarm, whatever the weather. */

/** Why a statement cannot be judged just now. */
export const PASSING: ReadonlySet<string> = new Set(["aborted", "certificate-expired", "connection-closed", "timed-out", "unknown-agent"]);

/** Error facts that mean a mistake of ours, whatever the weather. */
export const UNEXPECTED: ReadonlySet<string> = new Set([
  "agent.send-failed",
  "agent.link-ended",
  "agent.commit-failed",
  "agent.receipt-mismatch",
  "agent.call-not-answered",
  "agent.guest-not-released",
  "relay.failed",
]);
