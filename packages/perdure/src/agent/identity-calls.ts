/**
 * The owner's changes of the agent's own identity. What is in the log is named by the event it follows, so that a call that is made
 * again, because the process that took it died before it answered, finds what it did. Another one that was to follow the same event is
 * refused: nothing is said to be done that is not in the log.
 */
import type { Host } from "../host/host.ts";
import type { EventKind } from "../identity/log-state.ts";
import type { OwnIdentity } from "../identity/own-identity.ts";
import type { Settings } from "../settings/register.ts";
import { type Bytes, fromHex, hex, utf8 } from "../wire/bytes.ts";
import { PerdureError } from "../wire/error.ts";
import { agentIdBytes, isAgentId } from "../wire/ids.ts";
import type { AgentCore, IdentityChange, IdentityOutcome } from "./core.ts";
import { identityView } from "./identity-view.ts";

const REASON_BYTES = 256;
const KEY_BYTES = 32;

export interface IdentityCallsOptions {
  readonly host: Pick<Host, "clock">;
  readonly own: OwnIdentity;
  readonly settings: Settings;
  /** Shows what the agent is now to its relay; true once the relay has it. */
  readonly tell: () => Promise<boolean>;
  /** Whether the relay found a copy of this folder. */
  readonly isCopied: () => boolean;
}

export function createIdentityCalls({
  host,
  own,
  tell,
  isCopied,
}: IdentityCallsOptions): Pick<AgentCore, "identity" | "changeIdentity" | "exportIdentity" | "setPassphrase"> {
  const changeOnce = async (change: IdentityChange): Promise<void> => {
    const { afterSeq } = change;
    if (own.log.seq === afterSeq) return await changeNow(own, change, host.clock.wallMs());
    if (isMade(own, change)) return;
    throw new PerdureError("fenced", `the log of this agent is at event ${own.log.seq}, no longer at ${afterSeq}`, {
      retry: "now",
      hint: "Look at it again, and then decide: perdure id show.",
    });
  };
  return {
    identity: async () => identityView(own, isCopied()),
    async changeIdentity(change): Promise<IdentityOutcome> {
      await changeOnce(change);
      return { seq: own.log.seq, relayHasIt: await tell(), view: identityView(own, isCopied()) };
    },
    exportIdentity: (passphrase) => own.export(passphrase),
    setPassphrase: (passphrase) => own.setPassphrase(passphrase === "" ? undefined : passphrase),
  };
}

/** Whether the log says what was asked for, in events after the one that it was to follow. */
function isMade({ log, instances }: OwnIdentity, change: IdentityChange): boolean {
  const isAfter = ({ seq }: { readonly seq: number }): boolean => seq > change.afterSeq;
  const has = (wanted: EventKind): boolean => log.events.some((event) => isAfter(event) && event.kind === wanted);
  const revoked = log.revoked.filter(isAfter).map(({ instanceKey }) => hex(instanceKey));
  switch (change.kind) {
    case "revoke":
      return revoked.some((key) => key.startsWith(keyText(change.instance)));
    case "claim":
      return instances.some(({ publicKey }) => revoked.includes(hex(publicKey)));
    case "pin-home":
      return has("home-set") && (log.homes !== undefined) === change.pinned;
    case "anchor":
      return log.anchors
        .filter(isAfter)
        .some(({ root, about }) => hex(root) === change.root.toLowerCase() && about === shortText(change.about));
    case "rotate":
    case "retire":
      return has(change.kind);
  }
}

async function changeNow(own: OwnIdentity, change: IdentityChange, nowMs: number): Promise<void> {
  switch (change.kind) {
    case "rotate":
      await own.rotate({ ...rotation(own, change), nowMs });
      return;
    case "revoke": {
      const instanceKey = knownInstance(own, change.instance);
      return await own.revokeInstance({ instanceKey, voidFromMs: change.voidFromMs ?? nowMs, reason: shortText(change.reason), nowMs });
    }
    case "claim":
      return await own.replaceInstance(nowMs, change.stolenSinceMs);
    case "pin-home": {
      const [home] = own.homes();
      if (change.pinned && home === undefined)
        throw new PerdureError("bad-argument", "this agent has no home to pin", {
          hint: "Join a relay first: perdure init --relay <address>.",
        });
      return await own.setHomesInLog(change.pinned && home !== undefined ? [home] : [], nowMs);
    }
    case "anchor": {
      const root = fromHex(change.root);
      if (root?.length !== KEY_BYTES) throw new PerdureError("bad-argument", "an anchor is a SHA-256: 64 hexadecimal digits");
      return await own.anchor({ root, about: shortText(change.about), nowMs });
    }
    case "retire": {
      if (change.successor !== "" && !isAgentId(change.successor))
        throw new PerdureError("bad-argument", `"${change.successor}" is no agent id`, { hint: "Write the successor's id: ag1…" });
      const successor = change.successor === "" ? {} : { successor: agentIdBytes(change.successor) };
      const recovery = change.recoveryFile === "" ? {} : { recoveryPath: change.recoveryFile };
      return await own.retire({ ...successor, ...recovery, reason: shortText(change.reason), nowMs });
    }
  }
}

type RotateChange = Extract<IdentityChange, { kind: "rotate" }>;

/**
 * What a thief wrote with the control key since a moment counts for nothing, nor does what he wrote to the log: events that claim a time
 * since then, and those this folder did not write, whatever they claim.
 */
function rotation(own: OwnIdentity, change: RotateChange): Omit<Parameters<OwnIdentity["rotate"]>[0], "nowMs"> {
  const { recoveryFile, newRecoveryFile, together, stolenSinceMs } = change;
  const stolen = own.log.events.find(({ seq, claimedAtMs }) => seq > 0 && stolenSinceMs !== undefined && claimedAtMs >= stolenSinceMs);
  const foreign = stolenSinceMs === undefined ? undefined : own.adoptedFromSeq;
  const first = Math.min(stolen?.seq ?? Number.POSITIVE_INFINITY, foreign ?? Number.POSITIVE_INFINITY);
  const voidFromSeq = change.voidFromSeq ?? (Number.isFinite(first) ? first : undefined);
  return {
    ...(recoveryFile === "" ? {} : { recoveryPath: recoveryFile }),
    ...(newRecoveryFile === "" ? {} : { newRecoveryPath: newRecoveryFile }),
    ...(together ? { custody: "together" as const } : {}),
    ...(stolenSinceMs === undefined ? {} : { oldKeysUntilMs: Math.max(0, stolenSinceMs - 1) }),
    ...(voidFromSeq === undefined ? {} : { voidFromSeq }),
  };
}

/** An instance by its key or the beginning of it; one nobody has seen may be named in full. */
function knownInstance(own: OwnIdentity, written: string): Bytes {
  const text = keyText(written);
  const whole = fromHex(text);
  if (whole?.length === KEY_BYTES) return whole;
  const found = own.instances.filter(({ publicKey }) => text.length >= 4 && hex(publicKey).startsWith(text));
  if (found.length === 1 && found[0] !== undefined) return found[0].publicKey;
  throw new PerdureError("bad-argument", `"${written}" names ${found.length === 0 ? "no" : "more than one"} instance`, {
    hint: "perdure id show lists them; write at least 4 digits, or all 64.",
  });
}

function keyText(written: string): string {
  return written.trim().toLowerCase();
}

function shortText(text: string): string {
  const normal = text.normalize("NFC");
  if (utf8(normal).length > REASON_BYTES) throw new PerdureError("bad-argument", `such a text has at most ${REASON_BYTES} bytes`);
  return normal;
}
