/**
 * Inbox keys by generation. The newest is in use; one that was replaced still opens what is on its way, and is destroyed when nothing
 * sealed to it can be on its way any more. What somebody who takes the folder can then open is bounded by that time.
 *
 * What must hold: a secret is durable before anybody is told its public key; the newest one is never destroyed, however old it
 * is, so that an agent that slept for months can still be written to.
 */
import type { Host } from "../host/host.ts";
import type { Settings } from "../settings/register.ts";
import type { Bytes } from "../wire/bytes.ts";
import { SUITE_X25519_AES256GCM } from "../wire/envelope.ts";
import type { InboxKey } from "../wire/identity.ts";
import { KEY_ID_BYTES } from "../wire/ids.ts";
import { type KeptIdentity, MAX_DESTROYED, MAX_INBOX_SECRETS } from "../wire/kept-identity.ts";

export type InboxSecrets = KeptIdentity["inboxSecrets"];

/** What a folder keeps of its inbox keys. */
export type KeptInbox = Pick<KeptIdentity, "inboxSecrets" | "destroyed">;

export interface Generations extends KeptInbox {
  /** The newest, as senders see it. */
  readonly inboxKey: InboxKey;
}

type InboxSettings = Pick<Settings, "inboxKeyUseMs" | "inboxKeyGraceMs" | "inboxKeyKeepMs" | "recordValidMs">;

/** One more generation; those before it get an end, and whose end has come is destroyed. */
export async function nextGeneration(
  { crypto, random }: Pick<Host, "crypto" | "random">,
  kept: KeptInbox,
  settings: InboxSettings,
  nowMs: number,
): Promise<Generations> {
  const { key, kept: secret } = await crypto.encapsulation.create(random);
  const keyId: Bytes = crypto.hash.sha256(key.publicKey).slice(0, KEY_ID_BYTES);
  const generation = (kept.inboxSecrets.at(-1)?.generation ?? 0) + 1;
  const endMs = nowMs + settings.inboxKeyGraceMs + settings.inboxKeyKeepMs;
  const before = kept.inboxSecrets.map((each) => (each.destroyAtMs === 0 ? { ...each, destroyAtMs: endMs } : each));
  const all = [...before, { keyId, secret, generation, madeAtMs: nowMs, destroyAtMs: 0 }];
  const inboxKey = {
    keyId,
    suite: SUITE_X25519_AES256GCM,
    publicKey: key.publicKey,
    generation,
    notAfterMs: nowMs + settings.recordValidMs,
  };
  return { ...withoutDue({ inboxSecrets: all, destroyed: kept.destroyed }, nowMs), inboxKey };
}

/** What is left when every secret is destroyed whose time has come, and the oldest beyond what is kept at once. */
export function withoutDue({ inboxSecrets, destroyed }: KeptInbox, nowMs: number): KeptInbox {
  const surplus = inboxSecrets.length - MAX_INBOX_SECRETS;
  const isDue = (each: InboxSecrets[number], index: number): boolean =>
    index < surplus || (each.destroyAtMs !== 0 && each.destroyAtMs <= nowMs);
  const gone = inboxSecrets.filter(isDue).map((each) => each.keyId);
  if (gone.length === 0) return { inboxSecrets, destroyed };
  return {
    inboxSecrets: inboxSecrets.filter((each, index) => !isDue(each, index)),
    destroyed: [...destroyed, ...gone].slice(-MAX_DESTROYED),
  };
}

export function hasDue({ inboxSecrets }: KeptInbox, nowMs: number): boolean {
  return inboxSecrets.some(({ destroyAtMs }) => destroyAtMs !== 0 && destroyAtMs <= nowMs);
}

/** Whether the newest generation has been in use long enough, or is from a time that has not come yet. */
export function isWorn({ inboxSecrets }: KeptInbox, { inboxKeyUseMs }: Pick<Settings, "inboxKeyUseMs">, nowMs: number): boolean {
  const newest = inboxSecrets.at(-1);
  return newest === undefined || nowMs < newest.madeAtMs || nowMs >= newest.madeAtMs + inboxKeyUseMs;
}
