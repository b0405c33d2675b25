/**
 * The ledgers of processes of one host, in one SQLite file: each exchange is a transaction, of less than a millisecond.
 *
 * Times are those of the clock that counts from the machine's start, which all its processes have in common and nobody sets. A file of another start is
 * counted on from the date; one that another machine writes at the same time is told, and not used. What goes wrong is told once, and no answer is given:
 * whoever asked goes on as one who is cut off, and is back when the file is.
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { PaceError } from "../../error.ts";
import { EMPTY_LEDGER, exchange, type Ledger, type LedgerSettings } from "../../rights/ledger.ts";
import { afterRestart, ledgerFrom, ledgerText } from "../../rights/ledger-text.ts";
import type { Grant } from "../../rights/report.ts";
import { LEASE_MS, type RightsStore, START_PER_SECOND } from "../../rights/rights-store.ts";

/** "pace", in the header of the file. */
const APPLICATION_ID = 0x70616365;
/** Whoever else writes is done in a fraction of it; a gate must not stand still for longer. */
const BUSY_MS = 50;
/** A file that failed is tried again so often. */
const TRY_AGAIN_MS = 1000;
/** Who wrote within so long is alive. */
const ALIVE_MS = 10_000;
const SQLITE_BUSY = 5;
/** Several that begin at once make the file one after the other: a program may stand still so long when it begins. */
const OPEN_TRIES = 20;
const OPEN_PAUSE_MS = 10;

interface Open {
  readonly database: DatabaseSync;
  readonly inode: number;
  readonly read: StatementSync;
  readonly readTurn: StatementSync;
  readonly write: StatementSync;
}

/** Throws `bad-argument` for a file that is something else, cannot be written, or where the engine has no SQLite. `trouble` is told what goes wrong later; what it throws is dropped. */
export function openRightsFile(path: string, trouble: (error: PaceError) => void = () => undefined): RightsStore {
  const settings: LedgerSettings = { leaseMs: LEASE_MS, startPerSecond: START_PER_SECOND, isAtomic: true };
  // First what pages and engines without SQLite are told that they lack.
  let open: Open | undefined = openedInTime(path);
  const boot = bootId();
  let triedMs = Number.NEGATIVE_INFINITY;
  let told = "";
  let isClosed = false;

  const tell = (message: string, cause?: unknown): void => {
    if (told === message) return;
    told = message;
    try {
      trouble(new PaceError("bad-argument", message, "Until it is well, calls leave as if nothing were shared.", { cause }));
    } catch {
      // Nobody is left to tell, and who asks here is a timer.
    }
  };

  const shut = (): void => {
    try {
      open?.database.close();
    } catch {
      // It is damaged already.
    }
    open = undefined;
  };

  /** The file, as it is at its path now: who replaced it shares the new one. */
  const current = (now: number): Open | undefined => {
    if (isClosed) return undefined;
    if (now < triedMs + TRY_AGAIN_MS) return open;
    triedMs = now;
    try {
      if (open !== undefined && files().statSync(path, { throwIfNoEntry: false })?.ino === open.inode) return open;
      shut();
      open = opened(path);
    } catch (error) {
      // Another makes it just now.
      if (isBusy(error)) return undefined;
      tell(error instanceof Error ? error.message : String(error), error);
    }
    return open;
  };

  const ledgerAt = (row: { text: string } | undefined, now: number): Ledger | undefined => {
    if (row === undefined) return EMPTY_LEDGER;
    const kept = ledgerFrom(row.text);
    if (kept === undefined) {
      tell(`"${path}" has a ledger that is damaged`);
      return undefined;
    }
    if (kept.boot === boot) return kept.ledger;
    const passedMs = Math.max(0, Date.now() - kept.dateMs);
    if (passedMs < ALIVE_MS && kept.ledger.holders.size > 0) {
      tell(`"${path}" is used by another machine, or by processes that ran until just now`);
      return undefined;
    }
    return afterRestart(kept.ledger, now - passedMs - kept.ledger.seenMs);
  };

  return {
    isAtomic: true,
    exchange: (partition, report, answered) => {
      const now = sinceStartMs();
      const file = current(now);
      if (file === undefined) return;
      let answer: Grant | undefined;
      let isBegun = false;
      try {
        file.database.exec("BEGIN IMMEDIATE");
        isBegun = true;
        const before = ledgerAt(file.read.get(partition) as { text: string } | undefined, now);
        if (before !== undefined) {
          const { ledger, grant } = exchange(before, report, now, settings);
          file.write.run(partition, ledger.turn, ledgerText({ boot, dateMs: Date.now(), ledger }));
          answer = grant;
        }
        file.database.exec("COMMIT");
        // It is well when something was written: that it could be opened says little.
        if (before !== undefined) told = "";
      } catch (error) {
        answer = undefined;
        if (isBegun) rolledBack(file.database);
        // Another has it for a moment.
        if (isBusy(error)) return;
        tell(`"${path}" cannot be used: ${error instanceof Error ? error.message : String(error)}`, error);
        shut();
      }
      if (answer !== undefined) answered(answer);
    },
    turn: (partition) => {
      try {
        return (open?.readTurn.get(partition) as { turn: number } | undefined)?.turn ?? 0;
      } catch {
        // The next exchange tells what is wrong.
        return 0;
      }
    },
    close: () => {
      isClosed = true;
      shut();
    },
  };
}

/** Nothing where another has it all the time. */
function openedInTime(path: string): Open | undefined {
  for (let tries = 0; tries < OPEN_TRIES; tries++)
    try {
      return opened(path);
    } catch (error) {
      if (!isBusy(error)) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, OPEN_PAUSE_MS);
    }
  return undefined;
}

/** Of an error of SQLite, or of ours that it caused; whatever else it says of why. */
function isBusy(error: unknown): boolean {
  const { errcode, cause } = error as { readonly errcode?: number; readonly cause?: { readonly errcode?: number } };
  return ((errcode ?? cause?.errcode ?? 0) & 0xff) === SQLITE_BUSY;
}

function opened(path: string): Open {
  const { DatabaseSync: Database } = sqlite();
  let database: DatabaseSync | undefined;
  try {
    // Its names tell which services are used: nobody else reads it.
    files().closeSync(files().openSync(path, "a", 0o600));
    database = new Database(path);
    database.exec(`PRAGMA busy_timeout = ${BUSY_MS}`);
    // Both of one moment: another may make it just now.
    database.exec("BEGIN");
    const { application_id: id } = database.prepare("PRAGMA application_id").get() as { application_id: number };
    const { tables } = database.prepare("SELECT count(*) AS tables FROM sqlite_schema").get() as { tables: number };
    database.exec("COMMIT");
    if (id !== APPLICATION_ID && (id !== 0 || tables > 0)) throw new Error("it is a database of something else");
    if (id === 0) database.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
    // What a power cut takes away was held by processes that ended with it; of pools a few seconds.
    database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF");
    database.exec(
      "CREATE TABLE IF NOT EXISTS ledger (partition TEXT PRIMARY KEY, turn INTEGER NOT NULL, text TEXT NOT NULL) WITHOUT ROWID",
    );
    return {
      database,
      inode: files().statSync(path).ino,
      read: database.prepare("SELECT text FROM ledger WHERE partition = ?"),
      readTurn: database.prepare("SELECT turn FROM ledger WHERE partition = ?"),
      write: database.prepare("INSERT OR REPLACE INTO ledger (partition, turn, text) VALUES (?, ?, ?)"),
    };
  } catch (error) {
    database?.close();
    const reason = error instanceof Error ? error.message : String(error);
    throw new PaceError(
      "bad-argument",
      `"${path}" cannot be shared: ${reason}`,
      "Name a file of its own in a folder that is there, on a disk of this machine.",
      {
        cause: error,
      },
    );
  }
}

function rolledBack(database: DatabaseSync): void {
  try {
    database.exec("ROLLBACK");
  } catch {
    // It was ended by the error.
  }
}

function sinceStartMs(): number {
  return Number(process.hrtime.bigint() / 1000n) / 1000;
}

/** The same for all processes from one start of the machine to the next. */
function bootId(): string {
  try {
    return files().readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    // No Linux: who sets the clock by more than ten minutes looks like a restart.
    const { uptime, hostname } = process.getBuiltinModule("node:os");
    return `${hostname()} ${Math.round((Date.now() - uptime() * 1000) / 600_000)}`;
  }
}

/** Looked up when they are needed: pages, and engines without SQLite, load what does without. */
function files(): typeof import("node:fs") {
  return process.getBuiltinModule("node:fs");
}

function sqlite(): typeof import("node:sqlite") {
  const found = (globalThis as { process?: typeof process }).process?.getBuiltinModule?.("node:sqlite");
  if (found === undefined) throw new PaceError("bad-argument", "this engine has no SQLite", "Sharing needs Node 22.13 or newer.");
  return found;
}
