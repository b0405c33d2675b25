/**
 * The recovery file: the secret of all next control keys of an agent on a page for people, to be kept away from the agent's machine.
 *
 * With custody `split` it is the only copy, and good for the whole life of the agent. Each secret is base32 in groups of four with
 * three bytes of checksum, so that a typing mistake is found line by line; whether the page belongs to an agent is decided by the
 * agent's own log, whose newest commitment its next key opens.
 */

import type { Crypto, Hash } from "../host/crypto.ts";
import { type Bytes, base32, concat, equalBytes, fromBase32, utf8 } from "../wire/bytes.ts";
import { PerdureError } from "../wire/error.ts";
import { type AgentId, agentIdBytes, isAgentId } from "../wire/ids.ts";
import type { NextSecret } from "../wire/kept-identity.ts";
import { WIRE_VERSION } from "../wire/limits.ts";
import { otherVersion } from "../wire/version.ts";
import type { LogState } from "./agent-log.ts";
import { createKeyChain, type KeyChain, nextPosition } from "./key-chain.ts";

const CHECKSUM_DOMAIN = utf8("perdure/recovery-file/1");
const CHECKSUM_BYTES = 3;
const SECRET_BYTES = 32;
const TITLE = "Perdure recovery file";
/** A page without this line is of version 0. */
const VERSION_LABEL = "Version";
const LABELS = { seed: "Next keys", recoverySalt: "Recovery salt" } as const;

export interface Recovery extends NextSecret {
  readonly agentId: AgentId;
}

/** The page as text; lines end in LF. */
export function formatRecovery(hash: Hash, recovery: Recovery, name: string | undefined): string {
  return [
    TITLE,
    "=====================",
    "",
    "Keep this page away from the machine the agent runs on, and keep it secret.",
    "All the agent's next control keys come from it, so it stays good for the agent's",
    "whole life. Whoever has it can take the identity over; without it the identity",
    "cannot be moved to new keys. It opens no mail and daily work never needs it.",
    "",
    `${VERSION_LABEL}: ${WIRE_VERSION}`,
    `Agent: ${recovery.agentId}`,
    ...(name === undefined ? [] : [`Name: ${name}`]),
    `${LABELS.seed}: ${formatSecret(hash, recovery.agentId, LABELS.seed, recovery.seed)}`,
    `${LABELS.recoverySalt}: ${formatSecret(hash, recovery.agentId, LABELS.recoverySalt, recovery.recoverySalt)}`,
    "",
  ].join("\n");
}

/** Reads a page back; throws `malformed` saying which line is wrong, `needs-older-version`, `needs-newer-version`. */
export function parseRecovery(hash: Hash, text: string): Recovery {
  const lines = text.split(/\r?\n/);
  const lineOf = (label: string): string => {
    const line = lines.find((each) => each.startsWith(`${label}:`));
    if (line === undefined) throw wrongPage(`it has no line "${label}:"`);
    return line.slice(label.length + 1).trim();
  };
  refuseOther(lines);
  const agentId = lineOf("Agent");
  if (!isAgentId(agentId)) throw wrongPage('the line "Agent:" is not an agent id');
  return {
    agentId,
    seed: parseSecret(hash, agentId, LABELS.seed, lineOf(LABELS.seed)),
    recoverySalt: parseSecret(hash, agentId, LABELS.recoverySalt, lineOf(LABELS.recoverySalt)),
  };
}

/**
 * The keys behind a page from the one on that `log` committed to. Throws `wrong-recipient` unless the page is of that agent, and
 * `wrong-commitment` unless it opens the log's newest commitment.
 */
export async function openChain(crypto: Crypto, recovery: Recovery, log: LogState): Promise<KeyChain> {
  if (!equalBytes(agentIdBytes(recovery.agentId), log.idRaw))
    throw new PerdureError("wrong-recipient", `the recovery file is of ${recovery.agentId}`);
  const position = nextPosition(log);
  const chain = await createKeyChain(crypto, recovery.seed, position);
  const [committed] = log.nextCommitments;
  if (log.nextCommitments.length !== 1 || committed === undefined || !equalBytes(chain.commitmentAt(position), committed))
    throw new PerdureError("wrong-commitment", "the recovery file's keys are not those the agent committed to");
  return chain;
}

function refuseOther(lines: readonly string[]): void {
  if (!lines.some((line) => line.trim() === TITLE)) return;
  const said = lines.find((line) => line.startsWith(`${VERSION_LABEL}:`))?.slice(VERSION_LABEL.length + 1) ?? "0";
  const found = Number(said);
  if (Number.isSafeInteger(found) && found !== WIRE_VERSION)
    throw otherVersion({
      what: "the recovery file",
      found,
      older: "Use it with the perdure that wrote it; it opens no agent of this version.",
    });
}

function formatSecret(hash: Hash, agentId: AgentId, label: string, secret: Bytes): string {
  return (base32(concat(secret, checksum(hash, agentId, label, secret))).match(/.{1,4}/g) ?? []).join(" ");
}

function parseSecret(hash: Hash, agentId: AgentId, label: string, text: string): Bytes {
  const whole = fromBase32(text.replace(/\s/g, "").toLowerCase());
  const secret = whole?.subarray(0, SECRET_BYTES);
  if (
    whole?.length !== SECRET_BYTES + CHECKSUM_BYTES ||
    secret === undefined ||
    !equalBytes(whole.subarray(SECRET_BYTES), checksum(hash, agentId, label, secret))
  ) {
    throw wrongPage(`the line "${label}:" has a mistake in it, or belongs to another agent`);
  }
  return secret.slice();
}

function checksum(hash: Hash, agentId: AgentId, label: string, secret: Bytes): Bytes {
  return hash.sha256(concat(CHECKSUM_DOMAIN, agentIdBytes(agentId), utf8(label), secret)).subarray(0, CHECKSUM_BYTES);
}

function wrongPage(why: string): PerdureError {
  return new PerdureError("malformed", `recovery file: ${why}`, { hint: "Compare it with the original letter by letter." });
}
