/**
 * A stranger who means no good, with as many identities as it likes and a relay of its own. It floods an agent that sleeps, sends what
 * nobody can open, writes in other names, breaks the order of its link, and its relay passes on mail in anybody's name, notices
 * of other relays, and mail for a third relay.
 *
 * It keeps to the handshake, because without one it is nobody. What it sends must cost others nothing but its own share.
 */
import { openAgentWith } from "../packages/perdure/src/agent/open-agent.ts";
import { sleep as pause } from "../packages/perdure/src/host/deadline.ts";
import { createIdentity, type OwnIdentity } from "../packages/perdure/src/identity/index.ts";
import { parseRelayAddress } from "../packages/perdure/src/protocol/link/address.ts";
import { type Connected, connectSession } from "../packages/perdure/src/protocol/link/connect.ts";
import { createSettings, type Settings } from "../packages/perdure/src/settings/register.ts";
import type { Bytes } from "../packages/perdure/src/wire/bytes.ts";
import { contacts, decodeAck, encodeMail } from "../packages/perdure/src/wire/control.ts";
import { type EnvelopeClass, encodeEnvelope, SUITE_UNSEALED, SUITE_X25519_AES256GCM } from "../packages/perdure/src/wire/envelope.ts";
import { isPerdureError } from "../packages/perdure/src/wire/error.ts";
import { agentIdBytes } from "../packages/perdure/src/wire/ids.ts";
import type { Ledger } from "./ledger.ts";
import { patiently } from "./patience.ts";
import type { Census, Town } from "./town.ts";
import { CANARY } from "./traffic.ts";

export interface Intrusion {
  readonly town: Town;
  readonly census: Census;
  readonly ledger: Ledger;
  readonly settings: Readonly<Record<string, number>>;
  /** Nothing more is sent after this, virtual milliseconds. */
  readonly untilMs: number;
}

const HOST = "mallory";
const POLITE_HOST = "eve";
const POLITE_PAUSE_MS = 4000;
const POLITE_EXPIRY_MS = 30_000;
const IDENTITIES = 3;
const MEAN_PAUSE_MS = 1000;
const BURST = 12;
/** Frames without an acknowledgement; a relay would end the session of who sends more. */
const WINDOW = 64;
const BODY_BYTES = 200;
const CONNECT_AGAIN_MS = 3000;

type Role = "agent" | "relay";

/** One line to a relay, opened again whenever it ends. */
interface Line {
  readonly role: Role;
  readonly own: OwnIdentity;
  /** The relay it is a line to. */
  readonly to: string;
  connected: Connected | undefined;
  sent: number;
  acked: number;
}

/** Lets the stranger in: makes its identities, registers the sleeper whom it floods, and keeps at it until `untilMs`. */
export async function letIn(intrusion: Intrusion): Promise<void> {
  const { town, ledger, census } = intrusion;
  const { world } = town;
  const settings = createSettings(intrusion.settings);
  const make = (folder: string, role: "mail" | "relay"): Promise<OwnIdentity> =>
    world.complete(createIdentity({ host: world.host(HOST), folder, role, custody: "together", settings }));
  const target = census.relays[0] as string;
  const sleeper = await make("sleeper", "mail");
  await sleep(intrusion, settings, sleeper, target);
  const lines: Line[] = [];
  for (let number = 0; number < IDENTITIES; number++) {
    const own = await make(`stranger-${number}`, "mail");
    ledger.stranger(own.id);
    lines.push({ role: "agent", own, to: target, connected: undefined, sent: 0, acked: 0 });
  }
  const ownRelay = await make("relay", "relay");
  ledger.stranger(ownRelay.id);
  lines.push({ role: "relay", own: ownRelay, to: target, connected: undefined, sent: 0, acked: 0 });
  for (const line of lines) keepAt(intrusion, settings, line, sleeper.idRaw);
  await writePolitely(intrusion, target);
}

/** One more identity, which writes proper mail to everybody: whoever takes nothing from strangers must not act on it. */
async function writePolitely({ town, census, ledger, settings, untilMs }: Intrusion, relay: string): Promise<void> {
  const { world } = town;
  const host = world.host(POLITE_HOST);
  const agent = await patiently(world, () => openAgentWith(host, "polite", { join: town.addressOf(relay) as string, settings }));
  ledger.stranger(agent.id);
  const write = async (): Promise<void> => {
    while (world.nowMs < untilMs) {
      await pause(host.clock, POLITE_PAUSE_MS);
      for (const name of census.agents)
        await agent.send(`@${name}@${census.homes.get(name)}`, `${CANARY} from nobody you know`, { expiresInMs: POLITE_EXPIRY_MS });
    }
  };
  write().catch((error: unknown) => ledger.refused(POLITE_HOST, isPerdureError(error) ? error.code : String(error)));
}

/** Registers an agent that takes nothing from strangers, and is never there again. */
async function sleep({ town: { world, addressOf } }: Intrusion, settings: Settings, own: OwnIdentity, relay: string): Promise<void> {
  const dialled = await patiently(world, () =>
    connectSession({
      host: world.host(HOST),
      settings,
      ...parseRelayAddress(addressOf(relay) as string),
      own,
      link: new Uint8Array(8).fill(1),
      consume: false,
      have: { generation: new Uint8Array(8), position: 0 },
    }),
  );
  dialled.session.start({ frame: () => undefined, drained: () => undefined, closed: () => undefined });
  const nobody = contacts.encode({ version: 1, open: false, contacts: new Uint8Array(0), blocked: new Uint8Array(0) });
  dialled.session.send([{ name: "contacts", payload: nobody }]);
  await world.run({ untilMs: world.nowMs + 1000 });
  dialled.session.close({ code: "connection-closed", retry: "now", afterMs: 0, limit: undefined, why: "", hint: "" });
}

function keepAt(intrusion: Intrusion, settings: Settings, line: Line, sleeper: Bytes): void {
  const { town, untilMs } = intrusion;
  const { world } = town;
  const draws = world.draws(`line of ${line.own.id}`);
  const again = (): void => {
    if (world.nowMs < untilMs) world.after(CONNECT_AGAIN_MS, "mallory dials", dial);
  };
  const dial = (): void => {
    const link = draws.bytes(8);
    connectSession({
      host: world.host(HOST),
      settings,
      ...parseRelayAddress(town.addressOf(line.to) as string),
      own: line.own,
      role: line.role,
      link,
      consume: false,
      have: { generation: new Uint8Array(8), position: 0 },
    }).then((connected) => {
      Object.assign(line, { connected, sent: 0, acked: 0 });
      connected.session.start({
        frame: ({ name, payload }) => {
          if (name === "ack") line.acked = decodeAck(payload);
        },
        drained: () => undefined,
        closed: () => {
          line.connected = undefined;
          again();
        },
      });
      strike();
    }, again);
  };
  const strike = (): void => {
    const { connected } = line;
    if (connected === undefined || world.nowMs > untilMs) return connected?.session.close(GOODBYE);
    for (let shot = 0; shot < BURST && line.sent - line.acked < WINDOW; shot++) shoot(intrusion, line, connected, sleeper, draws);
    world.after(draws.wait(MEAN_PAUSE_MS), "mallory strikes", strike);
  };
  dial();
}

const GOODBYE = { code: "connection-closed", retry: "now", afterMs: 0, limit: undefined, why: "", hint: "" } as const;

type Draws = ReturnType<Town["world"]["draws"]>;

function shoot({ town, census }: Intrusion, line: Line, { session, relay }: Connected, sleeper: Bytes, draws: Draws): void {
  const { world } = town;
  const victims = census.agents.flatMap((name) => {
    const id = town.agent(name)?.id;
    return id === undefined ? [] : [{ id: agentIdBytes(id), isHere: census.homes.get(name) === line.to }];
  });
  const anybody = victims[draws.below(victims.length)];
  const isHere = victims.filter((each) => each.isHere);
  const byRelay = line.role === "relay";
  // Most of it fills the sleeper's mailbox: what arrives nowhere else can only be bounded by its share.
  const aimed = draws.chance(0.2) ? isHere[draws.below(isHere.length)]?.id : undefined;
  const inOtherName = draws.chance(0.3) ? (draws.chance(0.5) ? anybody?.id : draws.bytes(32)) : undefined;
  const elsewhere = draws.chance(0.1) ? town.addressOf(census.relays.at(-1) as string) : undefined;
  const kind: EnvelopeClass = byRelay && draws.chance(0.1) ? "notice" : draws.chance(0.1) ? "receipt" : "mail";
  const envelope = encodeEnvelope(
    {
      class: kind,
      from: inOtherName ?? line.own.idRaw,
      to: aimed ?? sleeper,
      stream: draws.bytes(8),
      seq: 1 + draws.below(3),
      expiresAtMs: world.host(HOST).clock.wallMs() + 30 * 60_000,
      inboxKeyId: draws.bytes(8),
      suite: kind === "notice" ? SUITE_UNSEALED : SUITE_X25519_AES256GCM,
    },
    draws.bytes(BODY_BYTES),
    world.host(HOST).crypto.hash.sha256,
  );
  const home = elsewhere === undefined ? undefined : parseRelayAddress(elsewhere).relayIdRaw;
  // Now and then a gap, which ends the session.
  line.sent += draws.chance(0.002) ? 2 : 1;
  session.send([
    {
      name: "mail",
      payload: encodeMail({
        linkSeq: line.sent,
        hopLimit: 8,
        ...(home === undefined || relay.idRaw === home ? {} : { home }),
        envelope: envelope.bytes,
      }),
    },
  ]);
}
