/**
 * Reads a relay's folder as a start would, and judges it: every checksum, also of the indexes, the list of files, batch numbers, the
 * state that comes of it, the chain of statements. Nothing is written and no lock is taken, so it may be read beside a running relay:
 * what that one lets go of in the meantime, or has written half, is read once more.
 */
import type { Host } from "../host/host.ts";
import { readShown } from "../identity/custody.ts";
import { readIdentity, type VerifiedIdentity } from "../identity/verify.ts";
import { closeHoles } from "../protocol/delivery/holes.ts";
import { replayRecord } from "../protocol/delivery/mailbox-replay.ts";
import { createRelayState, mailboxOwners, type RelayState } from "../protocol/delivery/mailbox-state.ts";
import { contradictionsIn } from "../protocol/delivery/state-check.ts";
import { isSignedBy } from "../protocol/delivery/statement-proof.ts";
import { type LogDamage, type Recovered, recoverLog } from "../store/log/recover-log.ts";
import { indexDamage, indexName } from "../store/log/segment-index.ts";
import { type Bytes, EMPTY, equalBytes } from "../wire/bytes.ts";
import { isPerdureError } from "../wire/error.ts";
import type { AgentId } from "../wire/ids.ts";
import { decodeKept, isKeptStatement } from "../wire/kept-relay.ts";
import { statement } from "../wire/statement.ts";

export interface FolderProblem {
  /** Where it is; absent for what contradicts itself. */
  readonly path: string | undefined;
  /** First byte, and the one behind the last, of what is not as it was written. */
  readonly from: number | undefined;
  readonly to: number | undefined;
  readonly what: string;
  /** Records that cannot be read, where that can be told. */
  readonly lostRecords: number | undefined;
}

export interface FolderReport {
  /** `undefined` when the folder holds no identity that can be read. */
  readonly id: AgentId | undefined;
  /** A relay would start on it. */
  readonly opens: boolean;
  readonly problems: readonly FolderProblem[];
  /** Messages that wait according to what can be read, and whose record cannot be read. */
  readonly lostMessages: number;
  readonly segments: number;
  readonly bytes: number;
  readonly records: number;
  readonly agents: number;
  readonly peers: number;
  readonly waitingMessages: number;
  readonly waitingBytes: number;
  /** When the message that waits longest was stored, milliseconds since 1970. */
  readonly oldestWaitingSinceMs: number | undefined;
  /** Statements that are still in the log, and those of them that a key of the relay's present bundle signed; the rest an earlier one did, or nobody. */
  readonly statements: number;
  readonly signedStatements: number;
}

export interface VerifyFolder {
  readonly host: Pick<Host, "files" | "crypto" | "clock">;
  readonly folder: string;
  /** A relay runs in the folder. */
  readonly isRunning: boolean;
  /** Told every few seconds how many records were read so far. */
  readonly progress?: (records: number) => void;
}

interface Reading {
  readonly state: RelayState;
  readonly problems: readonly FolderProblem[];
  readonly recovered: Recovered | undefined;
  /** A relay refuses what it read: a record that is none of its kind, or damage where it kept what it cannot do without. */
  readonly refused: boolean;
  readonly records: number;
  /** The newest, at most KEPT_STATEMENTS. */
  readonly statements: readonly { readonly statement: Bytes; readonly signature: Bytes }[];
  readonly statementCount: number;
}

const MAGIC = "relay";
const PROGRESS_MS = 2000;
/** Readings of a folder whose relay runs: each finds what the one before it caught in the middle. */
const READINGS = 5;
const KEPT_STATEMENTS = 1024;
const MAX_PROBLEMS = 1000;

/** Throws only what the disk says and `needs-newer-version`, `needs-older-version`; what is wrong with the folder is in the report. */
export async function verifyFolder(options: VerifyFolder): Promise<FolderReport> {
  const { host, folder, isRunning } = options;
  const problems: FolderProblem[] = [];
  const identity = await readOwner(host, folder, problems);
  let reading = await readLog(options, identity);
  for (let again = 1; isRunning && reading.problems.length > 0 && again < READINGS; again++) reading = await readLog(options, identity);
  problems.push(...reading.problems);
  const { state, recovered } = reading;
  const damaged = reading.problems.length > 0;
  const lostMessages = damaged && recovered !== undefined ? closeHoles(state, 0).reduce((sum, { messages }) => sum + messages, 0) : 0;
  if (recovered !== undefined) for (const what of contradictionsIn(state).slice(0, MAX_PROBLEMS)) problems.push({ ...NOWHERE, what });
  let oldest: number | undefined;
  for (const { mailbox } of mailboxOwners(state))
    for (const { storedAtMs } of mailbox.stored.values()) oldest = Math.min(oldest ?? storedAtMs, storedAtMs);
  let signedStatements = 0;
  for (const { statement: said, signature } of reading.statements)
    if (identity !== undefined && (await isSignedBy(host.crypto, identity, said, signature))) signedStatements++;
  return {
    id: identity?.id,
    opens: recovered !== undefined && identity !== undefined && !reading.refused,
    problems,
    lostMessages,
    segments: recovered?.segments.length ?? 0,
    bytes: recovered?.segments.reduce((sum, { end }) => sum + end, 0) ?? 0,
    records: reading.records,
    agents: state.agents.size,
    peers: state.peers.size,
    waitingMessages: state.storedMessages,
    waitingBytes: state.storedBytes,
    oldestWaitingSinceMs: oldest,
    statements: reading.statementCount,
    signedStatements,
  };
}

const NOWHERE = { path: undefined, from: undefined, to: undefined, lostRecords: undefined } as const;

async function readOwner(
  { files, crypto, clock }: VerifyFolder["host"],
  folder: string,
  problems: FolderProblem[],
): Promise<VerifiedIdentity | undefined> {
  try {
    const shown = await readShown(files, crypto.hash, folder);
    if (shown === undefined) problems.push({ ...NOWHERE, what: "the folder holds no identity: identity/keys.cbor is missing" });
    return shown && (await readIdentity(crypto, shown.bundle, clock.wallMs()));
  } catch (error) {
    if (!isPerdureError(error) || isOfMachine(error.code)) throw error;
    problems.push({ ...NOWHERE, what: error.message });
    return undefined;
  }
}

async function readLog({ host, folder, progress }: VerifyFolder, identity: VerifiedIdentity | undefined): Promise<Reading> {
  const { files, crypto, clock } = host;
  const { sha256, crc32 } = crypto.hash;
  const state = createRelayState(identity?.idRaw ?? new Uint8Array(32));
  // bound: MAX_PROBLEMS
  const problems: FolderProblem[] = [];
  // bound: KEPT_STATEMENTS
  const statements: { readonly statement: Bytes; readonly signature: Bytes }[] = [];
  let before: { readonly number: number; readonly hash: Bytes } | undefined;
  let [records, statementCount, toldAtMs] = [0, 0, clock.monotonicMs()];
  let recovered: Recovered | undefined;
  let refused = false;

  const note = (problem: FolderProblem): void => {
    if (problems.length < MAX_PROBLEMS) problems.push(problem);
  };
  const chain = (record: Bytes): void => {
    const kept = decodeKept(record);
    if (kept.kind !== "statement") return;
    const { statement: said, signature } = kept.value;
    const { number, previous } = statement.decode(said);
    if (before !== undefined && number === before.number + 1 && !equalBytes(previous, before.hash))
      note({ ...NOWHERE, what: `statement ${number} does not follow from statement ${before.number}` });
    before = { number, hash: sha256(said) };
    statementCount++;
    statements.push({ statement: said, signature });
    if (statements.length > KEPT_STATEMENTS) statements.shift();
  };
  try {
    recovered = await recoverLog({
      files,
      crc32,
      folder: `${folder}/log`,
      magic: MAGIC,
      onRecord: () => {},
      replay: (record, at) => {
        records++;
        if (isKeptStatement(record)) chain(record);
        try {
          replayRecord(state, sha256, record, at);
        } catch (error) {
          if (!isPerdureError(error) || error.code === "needs-newer-version") throw error;
          refused = true;
          note({ ...NOWHERE, what: `record at ${at.offset} of segment ${at.segment}: ${error.message}` });
        }
        if (progress === undefined || clock.monotonicMs() < toldAtMs + PROGRESS_MS) return;
        toldAtMs = clock.monotonicMs();
        progress(records);
      },
      onDamage: ({ path, from, to, lostRecords, why }: LogDamage) => note({ path, from, to, lostRecords, what: why }),
    });
    for (const { segment, end } of recovered.segments) {
      const damage = await indexDamage(files, `${folder}/log`, { magic: MAGIC, logId: recovered.logId ?? EMPTY, segment, end, crc32 });
      if (damage === undefined) continue;
      const what = `an index is damaged (${damage}): a start reads the segment in its place, which takes longer`;
      note({ ...NOWHERE, path: `${folder}/log/${indexName(segment)}`, what, lostRecords: 0 });
    }
  } catch (error) {
    if (!isPerdureError(error) || isOfMachine(error.code)) throw error;
    note({ ...NOWHERE, what: error.message });
  }
  if (problems.length > 0 && recovered !== undefined && state.passKey.length === 0) {
    refused = true;
    note({ ...NOWHERE, what: "what attach passes are made with is lost: a relay does not open without it" });
  }
  return { state, problems, recovered, refused, records, statements, statementCount };
}

/** The machine, or the version of this program, keeps it from being read: that says nothing of the folder. */
function isOfMachine(code: string): boolean {
  return code !== "log-damaged" && code !== "key-damaged" && code !== "malformed" && code !== "bad-signature";
}
