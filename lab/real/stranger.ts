/**
 * A stranger in a process of its own who means no good, for kill-nine: `stranger.ts <folder> <relay address> <victim's id>…`. It registers
 * several identities and sends what nobody can open, in its own and in other names, as fast as the relay takes it.
 */
import { createNodeHost } from "../../packages/perdure/src/host/node/index.ts";
import { createIdentity, type OwnIdentity, openIdentity } from "../../packages/perdure/src/identity/index.ts";
import { parseRelayAddress } from "../../packages/perdure/src/protocol/link/address.ts";
import { connectSession } from "../../packages/perdure/src/protocol/link/connect.ts";
import { createSettings } from "../../packages/perdure/src/settings/register.ts";
import type { Bytes } from "../../packages/perdure/src/wire/bytes.ts";
import { decodeAck, encodeMail } from "../../packages/perdure/src/wire/control.ts";
import { encodeEnvelope, SUITE_X25519_AES256GCM } from "../../packages/perdure/src/wire/envelope.ts";
import { agentIdBytes } from "../../packages/perdure/src/wire/ids.ts";

const [folder = "", address = "", ...ids] = process.argv.slice(2);
const IDENTITIES = 3;
const WINDOW = 64;
const PAUSE_MS = 100;
const EXPIRY_MS = 60_000;

const host = createNodeHost();
const settings = createSettings();
const victims = ids.map(agentIdBytes);
const { random, crypto } = host;
const chance = (oneIn: number): boolean => (random.bytes(1)[0] as number) % oneIn === 0;
const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, PAUSE_MS));

/** One line to the relay, until it ends. */
async function attack(own: OwnIdentity): Promise<void> {
  const have = { generation: new Uint8Array(8), position: 0 };
  const { session } = await connectSession({
    host,
    settings,
    ...parseRelayAddress(address),
    own,
    link: random.bytes(8),
    consume: false,
    have,
  });
  let [sent, acked, open] = [0, 0, true];
  session.start({
    frame: ({ name, payload }) => {
      if (name === "ack") acked = decodeAck(payload);
    },
    drained: () => undefined,
    closed: () => {
      open = false;
    },
  });
  while (open) {
    for (; sent - acked < WINDOW; )
      session.send([{ name: "mail", payload: encodeMail({ linkSeq: ++sent, hopLimit: 8, envelope: forgery(own) }) }]);
    await pause();
  }
}

function forgery(own: OwnIdentity): Bytes {
  const header = {
    class: chance(8) ? "receipt" : "mail",
    from: chance(3) ? (victims[0] ?? own.idRaw) : own.idRaw,
    to: victims.at(-1) ?? own.idRaw,
    stream: random.bytes(8),
    seq: 1,
    expiresAtMs: host.clock.wallMs() + EXPIRY_MS,
    inboxKeyId: random.bytes(8),
    suite: SUITE_X25519_AES256GCM,
  } as const;
  return encodeEnvelope(header, random.bytes(500), crypto.hash.sha256).bytes;
}

process.stdout.write(`${JSON.stringify({ event: "up" })}\n`);
await Promise.all(
  Array.from({ length: IDENTITIES }, async (_, number) => {
    const at = `${folder}-${number}`;
    const own = await openIdentity({ host, folder: at, settings }).catch(() =>
      createIdentity({ host, folder: at, role: "mail", custody: "together", settings }),
    );
    for (;;) {
      await attack(own).catch(() => undefined);
      await pause();
    }
  }),
);
