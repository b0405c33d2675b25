/**
 * Rotating and retiring: the two changes that need the next control key.
 *
 *   next key revealed from the folder or the recovery file -> the one after it has signed a challenge -> event signed
 *   -> one rename moves everything
 *
 * The secret of all next keys stays where it is, so a rotation leaves nothing new to keep, unless it changes custody: a recovery file
 * that is to hold it is in place and read back before the folder forgets it. Interrupted anywhere before the rename, the identity is as
 * it was and the rotation can be asked for again; after it, the new keys are in force here, and whoever opens the folder tells the
 * others.
 */
import type { Host } from "../host/host.ts";
import type { Settings } from "../settings/register.ts";
import { type Bytes, EMPTY, equalBytes } from "../wire/bytes.ts";
import { PerdureError } from "../wire/error.ts";
import { agentIdText } from "../wire/ids.ts";
import type { Custody, KeptIdentity, NextSecret } from "../wire/kept-identity.ts";
import { MAX_EXPIRY_MS } from "../wire/limits.ts";
import { verifyLog } from "./agent-log.ts";
import { nextPosition } from "./key-chain.ts";
import { notOurs, stageAfter } from "./life.ts";
import { type Revealed, revealNext, takeInChain } from "./next-key.ts";
import { baseOf, withRetirement, withRotation } from "./own-changes.ts";
import { lifeStageOf, type OwnState } from "./own-state.ts";
import { openChain } from "./recovery.ts";
import { clearPlace, keepRecoveryFile, proveKey } from "./recovery-file.ts";

/** What a change that takes several steps needs of whoever keeps the identity. */
export interface Keeping {
  readonly host: Pick<Host, "crypto" | "random" | "files" | "log">;
  readonly settings: Settings;
  readonly state: () => OwnState;
  /** Durable when it resolves. */
  readonly keep: (kept: KeptIdentity) => Promise<void>;
}

export interface RotateWish {
  /** The recovery file; left out with custody `together`. */
  readonly recoveryPath?: string;
  /** Changes `together` to `split`: where the recovery file goes. */
  readonly newRecoveryPath?: string;
  /** Changes `split` to `together`. */
  readonly custody?: Custody;
  /** What the old keys signed and a relay stored later counts for nothing; the setting `oldKeysGraceMs` from now when absent. */
  readonly oldKeysUntilMs?: number;
  /** The first event of the control keys that shall count for nothing; all count when absent. */
  readonly voidFromSeq?: number;
  readonly nowMs: number;
}

export interface Rotated {
  /** Number of the event in the log. */
  readonly seq: number;
  readonly custody: Custody;
}

export async function rotate(keeping: Keeping, wish: RotateWish): Promise<Rotated> {
  const { host, settings } = keeping;
  const { recoveryPath, newRecoveryPath, nowMs } = wish;
  const before = keeping.state();
  const { kept, standing } = before;
  stageAfter(lifeStageOf(before), "rotate");
  if (standing === "superseded" && recoveryPath === undefined && kept.next === undefined) throw notOurs();
  if (newRecoveryPath !== undefined) refuseSecondPage(host, kept.custody);
  if (wish.custody === "split" && recoveryPath === undefined && newRecoveryPath === undefined)
    throw new PerdureError("bad-argument", "custody split needs a recovery file", { hint: "Name a new one with --new-recovery <file>." });
  const custody = newRecoveryPath === undefined ? (wish.custody ?? kept.custody) : "split";
  const base = await baseOf(host.crypto, before, "rotate");
  const revealed = await revealNext(host, kept, base.log, recoveryPath);
  const rotated = await withRotation(
    { host, settings, state: before, nowMs },
    { revealed, oldKeysUntilMs: wish.oldKeysUntilMs ?? nowMs + settings.oldKeysGraceMs, voidFromSeq: wish.voidFromSeq },
  );
  if (newRecoveryPath !== undefined) await writePage(host, before, revealed.secret, newRecoveryPath, rotated.log);
  await keeping.keep({
    ...rotated,
    custody,
    next: custody === "together" ? (kept.next ?? (await fromPage(host, revealed, rotated))) : undefined,
  });
  return { seq: keeping.state().log.seq, custody };
}

/** A page with the secret the folder has, for its next rotation to be made with. */
async function writePage(
  host: Keeping["host"],
  { log, record }: OwnState,
  secret: NextSecret,
  path: string,
  next: readonly Bytes[],
): Promise<void> {
  const { crypto, files, random } = host;
  const content = { agentId: agentIdText(log.idRaw), ...secret };
  // One of an attempt that came to nothing says the same.
  await clearPlace(files, crypto.hash, path, async (page) => page.agentId === content.agentId && equalBytes(page.seed, secret.seed));
  await keepRecoveryFile({ files, crypto, random, path, content, name: record.name, log: await verifyLog(crypto, next) });
}

/** What the folder keeps of a page from here on, found to open the log as it then is. */
async function fromPage(host: Keeping["host"], { secret }: Revealed, { log }: KeptIdentity): Promise<NextSecret> {
  const { crypto, random } = host;
  const taken = await takeInChain(host, secret);
  const then = await verifyLog(crypto, log);
  const chain = await openChain(crypto, { agentId: agentIdText(then.idRaw), ...taken }, then);
  await proveKey(crypto, random, chain.keyAt(nextPosition(then)));
  return taken;
}

function refuseSecondPage({ crypto }: Keeping["host"], custody: Custody): void {
  if (custody === "split")
    throw new PerdureError("bad-argument", "the recovery file of this agent stays good for every rotation", {
      hint: "Copy it if it shall lie elsewhere; leave the new one out.",
    });
  if (crypto.keyStore !== undefined)
    throw new PerdureError(
      "unsupported-platform",
      "this machine keeps the next keys where nobody can read them, so no page can hold them",
      {
        hint: "An agent whose next keys shall be on a page is made with a recovery file.",
      },
    );
}

export interface RetireWish {
  readonly recoveryPath?: string;
  /** 32 bytes of another agent's id to turn to. */
  readonly successor?: Bytes;
  readonly reason: string;
  /** What instances signed counts until then: 30 days from now when absent, as long as mail may wait. */
  readonly oldKeysUntilMs?: number;
  readonly nowMs: number;
}

export async function retire(keeping: Keeping, wish: RetireWish): Promise<void> {
  const { host, settings } = keeping;
  const { nowMs, reason } = wish;
  const state = keeping.state();
  stageAfter(lifeStageOf(state), "retire");
  const revealed = await revealNext(host, state.kept, state.log, wish.recoveryPath);
  await keeping.keep(
    await withRetirement(
      { host, settings, state, nowMs },
      { revealed, reason, successor: wish.successor ?? EMPTY, oldKeysUntilMs: wish.oldKeysUntilMs ?? nowMs + MAX_EXPIRY_MS },
    ),
  );
}
