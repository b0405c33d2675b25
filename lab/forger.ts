/**
 * Rotations signed with the key in force, by who has that key and not those that come next. Nobody may ever believe one that leads to keys
 * of his own. The one that made that key the one in force can be made once more: a tie, until the owner rotates.
 */
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

type Kept = NonNullable<Awaited<ReturnType<typeof readKept>>>;

/** `log` and a rotation to the key in force, after which comes `following`. */
async function rotationTo({ crypto, clock }: Host, kept: Kept, log: readonly Bytes[], following: Bytes): Promise<readonly Bytes[]> {
  const state = await verifyLog(crypto, log);
  const key = await crypto.signatures.load(kept.controlSeed);
  const last = identityEvent.decode(signedEvent.decode(log.at(-1) as Bytes).event);
  const event = identityEvent.encode({
    ...last,
    kind: EVENT_KINDS.indexOf("rotate"),
    agentId: state.idRaw,
    seq: state.seq + 1,
    previous: state.head,
    controlKeys: [key.publicKey],
    controlThreshold: 1,
    nextCommitments: [following],
    nextThreshold: 1,
    body: rotateBody.encode({ voidFromSeq: state.seq + 1, oldKeysUntilMs: clock.wallMs() + 60 * 60_000, extensions: [] }),
    claimedAtMs: clock.wallMs(),
  });
  const signature = await crypto.signatures.sign(key, toBeSigned("event", event));
  return [...log, signedEvent.encode({ event, signatures: [{ keyIndex: 0, signature }] })];
}

/** The logs somebody with that folder can make up. */
async function forgedLogs(host: Host, kept: Kept): Promise<readonly (readonly Bytes[])[]> {
  const { crypto, random } = host;
  const log = await verifyLog(crypto, kept.log);
  const logs = [await rotationTo(host, kept, kept.log, random.bytes(32))];
  const rotated = log.events.findLast(({ kind }) => kind === "rotate")?.seq;
  if (rotated !== undefined) {
    const before = kept.log.slice(0, rotated);
    const [following] = log.nextCommitments as readonly [Bytes];
    logs.push(await rotationTo(host, kept, before, random.bytes(32)), await rotationTo(host, kept, before, following));
  }
  return logs;
}

/** Shows them to a relay, in the handshake and as publications. What the relay says to each is its own affair. */
export async function forgeRotation(host: Host, settings: Settings, url: string, relayIdRaw: Bytes, signal: AbortSignal): Promise<void> {
  const own = await openIdentity({ host, folder: AGENT_FOLDER, settings });
  const kept = await readKept(host.files, host.crypto.hash, AGENT_FOLDER);
  if (kept === undefined) throw new Error("nothing was stolen");
  const link = (): Bytes => host.random.bytes(LINK_BYTES);
  const have = { generation: new Uint8Array(GENERATION_BYTES), position: 0 };
  const common = { host, settings, url, relayIdRaw, consume: false, have, signal };
  for (const log of await forgedLogs(host, kept)) {
    const bundle = encodeBundle({ log, certificates: kept.certificates, records: [kept.record] });
    for (const shown of [own.bundle(), bundle]) {
      // That it is refused is what is wanted; that it is not shows on the disks.
      const said = await connectSession({ ...common, own: { ...own, bundle: () => shown }, link: link() }).catch(() => undefined);
      if (said === undefined) continue;
      const { session } = said;
      session.start({ frame: () => {}, drained: () => {}, closed: () => {} });
      session.send([{ name: "publish", payload: publish.encode({ bundle }) }]);
      host.clock.after(1000, () => session.close(goodbyeFor("connection-closed", "done")));
    }
  }
}
