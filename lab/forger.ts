/** A rotation signed with the key in force, by who has that key and not the one that comes next: nobody may ever believe it. */
import type { Host } from "../packages/perdure/src/host/host.ts";
import { verifyLog } from "../packages/perdure/src/identity/agent-log.ts";
import { encodeBundle } from "../packages/perdure/src/identity/bundle.ts";
import { readKept } from "../packages/perdure/src/identity/custody.ts";
import { openIdentity } from "../packages/perdure/src/identity/index.ts";
import { connectSession } from "../packages/perdure/src/protocol/link/connect.ts";
import { goodbyeFor } from "../packages/perdure/src/protocol/link/index.ts";
import type { Settings } from "../packages/perdure/src/settings/register.ts";
import type { Bytes } from "../packages/perdure/src/wire/bytes.ts";
import { publish } from "../packages/perdure/src/wire/control.ts";
import { EVENT_KINDS, identityEvent, rotateBody, signedEvent, toBeSigned } from "../packages/perdure/src/wire/identity.ts";
import { GENERATION_BYTES, LINK_BYTES } from "../packages/perdure/src/wire/ids.ts";
import { AGENT_FOLDER } from "./town.ts";

/** The stolen log with such a rotation at its end. */
async function forgedBundle({ files, crypto, random, clock }: Host): Promise<Bytes> {
  const kept = await readKept(files, crypto.hash, AGENT_FOLDER);
  if (kept === undefined) throw new Error("nothing was stolen");
  const log = await verifyLog(crypto, kept.log);
  const key = await crypto.signatures.load(kept.controlSeed);
  const last = identityEvent.decode(signedEvent.decode(kept.log.at(-1) as Bytes).event);
  const event = identityEvent.encode({
    ...last,
    kind: EVENT_KINDS.indexOf("rotate"),
    agentId: log.idRaw,
    seq: log.seq + 1,
    previous: log.head,
    controlKeys: [key.publicKey],
    controlThreshold: 1,
    nextCommitments: [random.bytes(32)],
    nextThreshold: 1,
    body: rotateBody.encode({ voidFromSeq: log.seq + 1, oldKeysUntilMs: clock.wallMs() + 60 * 60_000, extensions: [] }),
    claimedAtMs: clock.wallMs(),
  });
  const signature = await crypto.signatures.sign(key, toBeSigned("event", event));
  const rotation = signedEvent.encode({ event, signatures: [{ keyIndex: 0, signature }] });
  return encodeBundle({ log: [...kept.log, rotation], certificates: kept.certificates, records: [kept.record] });
}

/** Shows it to a relay, in the handshake and as a publication; throws what the relay says. */
export async function forgeRotation(host: Host, settings: Settings, url: string, relayIdRaw: Bytes, signal: AbortSignal): Promise<void> {
  const own = await openIdentity({ host, folder: AGENT_FOLDER, settings });
  const bundle = await forgedBundle(host);
  const link = (): Bytes => host.random.bytes(LINK_BYTES);
  const have = { generation: new Uint8Array(GENERATION_BYTES), position: 0 };
  const common = { host, settings, url, relayIdRaw, consume: false, have, signal };
  for (const shown of [own.bundle(), bundle]) {
    const { session } = await connectSession({ ...common, own: { ...own, bundle: () => shown }, link: link() });
    session.start({ frame: () => {}, drained: () => {}, closed: () => {} });
    session.send([{ name: "publish", payload: publish.encode({ bundle }) }]);
    host.clock.after(1000, () => session.close(goodbyeFor("connection-closed", "done")));
  }
}
