/**
 * Rotating and retiring: the two changes that need the next control key.
 *
 *   next key revealed -> key after next drawn -> kept (a commitment in the folder, the key in its recovery file or beside the
 *   folder's file) -> read back, has signed a challenge -> event signed -> one rename moves everything
 *
 * Interrupted anywhere before the rename, the identity is as it was and the rotation can be asked for again; after it, the new keys
 * are in force here, and whoever opens the folder tells the others.
 */
import type { Host } from "../host/host.ts";
import type { Settings } from "../settings/register.ts";
import { type Bytes, EMPTY, equalBytes } from "../wire/bytes.ts";
import { PerdureError } from "../wire/error.ts";
import { agentIdText } from "../wire/ids.ts";
import { type Custody, type KeptIdentity, MAX_BEGUN } from "../wire/kept-identity.ts";
import { MAX_EXPIRY_MS } from "../wire/limits.ts";
import { drawNext, revealNext } from "./next-key.ts";
import { baseOf, notOurs, withRetirement, withRotation } from "./own-changes.ts";
import type { OwnState } from "./own-state.ts";
import { clearPlace, commitmentOf, keepRecoveryFile, proveKey, wipeRecoveryFile } from "./recovery-file.ts";

/** What a change that takes several steps needs of whoever keeps the identity. */
export interface Keeping {
  readonly host: Pick<Host, "crypto" | "random" | "files" | "log">;
  readonly settings: Settings;
  readonly state: () => OwnState;
  /** Durable when it resolves; `check` sees what reads back before it takes its place. */
  readonly keep: (kept: KeptIdentity, check?: (read: KeptIdentity) => Promise<void>) => Promise<void>;
}

export interface RotateWish {
  /** The recovery file with the next key; left out with custody `together`. */
  readonly recoveryPath?: string;
  /** Where the recovery file with the key after next goes: needed with custody `split`; changes `together` to `split`. */
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
  const { crypto, files, random } = host;
  const { recoveryPath, newRecoveryPath, nowMs } = wish;
  const before = keeping.state();
  const { kept, standing } = before;
  if (standing === "retired") throw alreadyRetired();
  if (standing === "superseded" && recoveryPath === undefined) throw notOurs();
  const custody = newRecoveryPath === undefined ? (wish.custody ?? kept.custody) : "split";
  if (custody === "split" && newRecoveryPath === undefined)
    throw new PerdureError("bad-argument", "the key after next needs a place to lie", {
      hint: "Name a new recovery file with --new-recovery <file>, away from this machine.",
    });
  if (custody === "together" && recoveryPath === undefined && kept.custody === "split")
    throw new PerdureError("bad-argument", "the next control key of this agent is in its recovery file and nowhere else", {
      hint: "Name that file with --recovery <file>.",
    });
  const base = await baseOf(crypto, before, "rotate");
  const revealed = await revealNext(host, kept, base.log, recoveryPath);
  const after = await drawNext(host, custody);
  const commitment = await commitmentOf(crypto, after.seed);
  if (newRecoveryPath !== undefined) {
    const isBegun = async (seed: Bytes): Promise<boolean> => includes(kept.begun, await commitmentOf(crypto, seed));
    await clearPlace(files, crypto.hash, newRecoveryPath, (page) => isBegun(page.seed));
    await keeping.keep({ ...kept, begun: [...kept.begun, commitment].slice(-MAX_BEGUN) });
    const content = { agentId: agentIdText(before.log.idRaw), ...after };
    await keepRecoveryFile({ files, crypto, random, path: newRecoveryPath, content, name: before.record.name });
  }
  const rotated = await withRotation(
    { host, settings, state: keeping.state(), nowMs },
    {
      revealed,
      nextPublicKey: (await crypto.signatures.load(after.seed)).publicKey,
      recoverySalt: after.recoverySalt,
      oldKeysUntilMs: wish.oldKeysUntilMs ?? nowMs + settings.oldKeysGraceMs,
      voidFromSeq: wish.voidFromSeq,
    },
  );
  const next = custody === "together" ? after : undefined;
  const begun = rotated.begun.filter((each) => !equalBytes(each, commitment));
  await keeping.keep({ ...rotated, custody, next, begun }, async (read) => {
    if (custody === "together") await proveKey(crypto, random, read.next?.seed ?? EMPTY, commitment);
  });
  const { seq } = keeping.state().log;
  if (recoveryPath !== undefined)
    await wipeRecoveryFile(files, recoveryPath, `The next key of ${agentIdText(before.log.idRaw)} was here until its event ${seq}.`).catch(
      (error: unknown) => host.log.write("warn", "identity.recovery-file-not-wiped", { path: recoveryPath, why: String(error) }),
    );
  return { seq, custody };
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
  if (state.standing === "superseded") throw notOurs();
  if (state.standing === "retired") throw alreadyRetired();
  const revealed = await revealNext(host, state.kept, state.log, wish.recoveryPath);
  await keeping.keep(
    await withRetirement(
      { host, settings, state, nowMs },
      { revealed, reason, successor: wish.successor ?? EMPTY, oldKeysUntilMs: wish.oldKeysUntilMs ?? nowMs + MAX_EXPIRY_MS },
    ),
  );
}

function alreadyRetired(): PerdureError {
  return new PerdureError("identity-retired", "this agent is retired: nothing follows in its log");
}

function includes(all: readonly Bytes[], one: Bytes): boolean {
  return all.some((each) => equalBytes(each, one));
}
