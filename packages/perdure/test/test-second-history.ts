/** For tests with more than one history of an agent: what its keys can sign beside what its owner has signed, and telling a relay of it. */
import { createNodeHost } from "../src/host/node/index.ts";
import { signControlEvent, verifyLog } from "../src/identity/agent-log.ts";
import { encodeBundle } from "../src/identity/bundle.ts";
import { readKept } from "../src/identity/custody.ts";
import { lookAtIdentity } from "../src/identity/own-identity.ts";
import { connectSession, goodbyeFor, parseRelayAddress } from "../src/protocol/link/index.ts";
import { createSettings } from "../src/settings/register.ts";
import type { Bytes } from "../src/wire/bytes.ts";
import { GENERATION_BYTES, LINK_BYTES } from "../src/wire/ids.ts";
import type { KeptIdentity } from "../src/wire/kept-identity.ts";
import { codeOf } from "./test-stage.ts";

const PATIENCE_MS = 30_000;
const host = createNodeHost();

/** The keys and the log in a folder that has no passphrase. */
export async function keysIn(folder: string): Promise<KeptIdentity> {
  const kept = await readKept(host.files, host.crypto.hash, folder);
  if (kept === undefined) throw new Error(`no identity in ${folder}`);
  return kept;
}

/** Another log of the agent, with what else its folder shows. */
export function bundleWith(kept: KeptIdentity, log: readonly Bytes[]): Bytes {
  return encodeBundle({ log, certificates: kept.certificates, records: [kept.record] });
}

/** The log up to event `seq`, and an anchor behind it, as the control key in that folder can sign it. */
export async function otherHistory(kept: KeptIdentity, seq: number): Promise<Bytes> {
  const before = kept.log.slice(0, seq + 1);
  const anchor = await signControlEvent(host.crypto, await verifyLog(host.crypto, before), {
    kind: "anchor",
    body: { root: host.crypto.hash.sha256(new Uint8Array(1)), about: "another history", extensions: [] },
    keys: [await host.crypto.signatures.load(kept.controlSeed)],
    nowMs: host.clock.wallMs(),
  });
  return bundleWith(kept, [...before, anchor]);
}

/** Shows `bundle` to a relay as the agent whose folder this is; `welcome`, or the code it is refused with. A relay judges what it is shown first. */
export async function tellRelay(address: string, folder: string, bundle: Bytes): Promise<string> {
  const settings = createSettings();
  const own = await lookAtIdentity({ host, folder, settings });
  const { url, relayIdRaw } = parseRelayAddress(address);
  const have = { generation: new Uint8Array(GENERATION_BYTES), position: 0 };
  const signal = AbortSignal.timeout(PATIENCE_MS);
  const link = host.random.bytes(LINK_BYTES);
  const shown = { ...own, bundle: () => bundle };
  try {
    const { session } = await connectSession({ host, settings, url, relayIdRaw, own: shown, link, consume: false, have, signal });
    session.start({ frame: () => {}, drained: () => {}, closed: () => {} });
    session.close(goodbyeFor("connection-closed", "told"));
    return "welcome";
  } catch (error) {
    return codeOf(error);
  }
}
