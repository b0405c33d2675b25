/**
 * The one error of the project. Callers decide on `code` and `retry`, people read `message` and `hint`;
 * nobody matches on message text.
 */

/** Every way something of ours can fail. The number is the exit code class of the command line. */
export const ERROR_CODES = {
  // 2: the words of the call are wrong
  "bad-argument": 2,
  "too-large": 2,
  "expiry-out-of-range": 2,
  // 3: what you named is not there
  "no-agent-here": 3,
  "unknown-agent": 3,
  "unknown-message": 3,
  "unknown-setting": 3,
  "not-found": 3,
  "unknown-relay": 3,
  "unknown-invite": 3,
  "identity-retired": 3,
  // 4: not reachable now, trying again later makes sense
  "relay-unreachable": 4,
  "timed-out": 4,
  "relay-draining": 4,
  "too-busy": 4,
  "rate-limited": 4,
  "mailbox-full": 4,
  "disk-full": 4,
  "disk-failed": 4,
  "address-in-use": 4,
  "connection-closed": 4,
  "append-failed": 4,
  // 5: somebody else has it, or had it before
  "folder-in-use": 5,
  fenced: 5,
  "agent-exists": 5,
  "invite-used": 5,
  "name-taken": 5,
  cloned: 5,
  // 6: the peer or the data cannot be trusted
  "wrong-relay": 6,
  "bad-handshake": 6,
  "bad-signature": 6,
  "bad-mac": 6,
  malformed: 6,
  "not-deterministic": 6,
  "wrong-recipient": 6,
  "wrong-commitment": 6,
  "unknown-inbox-key": 6,
  "certificate-expired": 6,
  "instance-revoked": 6,
  "identity-forked": 6,
  "key-retired": 6,
  "id-conflict": 6,
  "name-changed": 6,
  "record-rolled-back": 6,
  "name-unproven": 6,
  "relay-changed": 6,
  "not-proven": 6,
  "log-damaged": 6,
  "key-damaged": 6,
  // 7: understood, and of another version
  "needs-newer-version": 7,
  "needs-older-version": 7,
  "needs-newer-verifier": 7,
  // 8: the message came to an end without success
  refused: 8,
  failed: 8,
  expired: 8,
  lost: 8,
  unconfirmed: 8,
  "auto-reply-refused": 8,
  "loop-depth": 8,
  "loop-paused": 8,
  // 9: the machine, or whoever owns it, does not let us
  "ticket-required": 9,
  "passphrase-required": 9,
  "wrong-passphrase": 9,
  blocked: 9,
  "peer-forbidden": 9,
  "read-only": 9,
  "permission-denied": 9,
  "unsupported-platform": 9,
  // 10: stopped on purpose
  aborted: 10,
  // 70: a mistake of ours
  internal: 70,
} as const;

export type ErrorCode = keyof typeof ERROR_CODES;

/** `never`: the same call fails again. `now`: try at once. `after`: try once what `hint` names has changed or `afterMs` passed. */
export type Retry = "never" | "now" | "after";

export interface ErrorDetails {
  readonly retry?: Retry;
  /** What to do next, one sentence, imperative. */
  readonly hint?: string;
  /** Milliseconds after which trying again makes sense; only with `retry: "after"`. */
  readonly afterMs?: number;
  /** The limit that was hit. */
  readonly limit?: LimitHit;
  readonly cause?: unknown;
}

/** A limit by its name in the settings register, its value there, and how much of it is left. */
export interface LimitHit {
  readonly name: string;
  readonly value: number;
  readonly remaining: number;
}

/** A limit that another process or program named, in a plain object; `undefined` when it is none. */
export function readLimit(said: unknown): LimitHit | undefined {
  if (typeof said !== "object" || said === null) return undefined;
  const { name, value, remaining } = said as Readonly<Record<string, unknown>>;
  return typeof name === "string" && typeof value === "number" && typeof remaining === "number" ? { name, value, remaining } : undefined;
}

const BRAND = Symbol.for("perdure.error");

export class PerdureError extends Error {
  readonly code: ErrorCode;
  readonly retry: Retry;
  readonly hint: string | undefined;
  readonly afterMs: number | undefined;
  readonly limit: LimitHit | undefined;
  readonly [BRAND] = true;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = "PerdureError";
    this.code = code;
    this.retry = details.retry ?? "never";
    this.hint = details.hint;
    this.afterMs = details.afterMs;
    this.limit = details.limit;
  }
}

/** True for errors of ours, also when two copies of the package are loaded. */
export function isPerdureError(error: unknown): error is PerdureError {
  return typeof error === "object" && error !== null && BRAND in error;
}

/** True when `text` is one of our codes (a code that came over the wire may be newer than we are). */
export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(ERROR_CODES, text);
}
