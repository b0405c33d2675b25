/** A relay of which every frame is the test's own, for what an honest one never does. */
import { createIdentity, type OwnIdentity } from "../../identity/own-identity.ts";
import { acceptSession } from "../../protocol/link/accept.ts";
import { parseRelayAddress } from "../../protocol/link/address.ts";
import { connectSession } from "../../protocol/link/connect.ts";
import type { Session } from "../../protocol/link/session.ts";
import { WELCOME } from "../../protocol/link/test-meeting.ts";
import { createSettings } from "../../settings/register.ts";
import type { Bytes } from "../../wire/bytes.ts";
import { decodeAck, decodeMail, encodeMail, type Goodbye, type Refuse, refuse, type Welcome } from "../../wire/control.ts";
import type { Envelope } from "../../wire/envelope.ts";
import type { Frame } from "../../wire/frame.ts";
import { MAX_TRANSPORT_BYTES } from "../../wire/limits.ts";
import type { Relay } from "../open-relay.ts";
import type { RelayWorld } from "../test-world.ts";

export interface RogueLine {
  readonly session: Session;
  readonly welcome: Welcome | undefined;
  readonly frames: Frame[];
  readonly ended: Goodbye[];
  readonly acked: number;
  readonly refusals: readonly Refuse[];
  readonly mails: readonly ReturnType<typeof decodeMail>[];
  count(name: Frame["name"]): number;
  send(name: Frame["name"], payload: Bytes): void;
  mail(linkSeq: number, what: Envelope, home?: Bytes): void;
}

export interface RogueRelay {
  readonly own: OwnIdentity;
  readonly host: string;
  dial(relay: Pick<Relay, "address">, link?: Bytes): Promise<RogueLine>;
  /** Lets relays come in at that address; each line goes to `onLine` before anything is read from it. */
  listen(address: string, onLine: (line: RogueLine, link: Bytes) => void): Promise<void>;
}

export const ROGUE_LINK: Bytes = new Uint8Array(8).fill(7);

export async function createRogueRelay(stage: RelayWorld, name: string): Promise<RogueRelay> {
  const { world } = stage;
  const host = world.host(name);
  const settings = createSettings();
  const own = await world.complete(createIdentity({ host, folder: name, role: "relay", custody: "together", settings }));
  return {
    own,
    host: name,
    dial: async (relay, link = ROGUE_LINK) => {
      const have = { generation: new Uint8Array(8), position: 0 };
      const { session, welcome } = await world.complete(
        connectSession({ host, settings, ...parseRelayAddress(relay.address), own, role: "relay", link, consume: false, have }),
      );
      return lineOf(session, welcome);
    },
    listen: async (address, onLine) => {
      await world.complete(
        host.net.listen(address, {
          maxMessageBytes: MAX_TRANSPORT_BYTES,
          onConnection: (connection) => {
            const welcome: Welcome = { ...WELCOME, epoch: 0, relayTimeMs: host.clock.wallMs(), windowBytes: settings.peerWindowBytes };
            acceptSession({ host, settings, connection, own, admit: async () => welcome })
              .then(({ session, proof }) => onLine(lineOf(session, welcome), proof.link.slice()))
              .catch(() => undefined);
          },
        }),
      );
    },
  };
}

function lineOf(session: Session, welcome: Welcome | undefined): RogueLine {
  const frames: Frame[] = [];
  const ended: Goodbye[] = [];
  session.start({
    frame: (frame) => void frames.push({ name: frame.name, payload: frame.payload.slice() }),
    drained: () => undefined,
    closed: (reason) => void ended.push(reason),
  });
  const all = <Value>(name: Frame["name"], decode: (payload: Bytes) => Value): Value[] =>
    frames.filter((frame) => frame.name === name).map((frame) => decode(frame.payload));
  const send = (name: Frame["name"], payload: Bytes): void => session.send([{ name, payload }]);
  return {
    session,
    welcome,
    frames,
    ended,
    get acked() {
      return all("ack", decodeAck).at(-1) ?? 0;
    },
    get refusals() {
      return all("refuse", refuse.decode);
    },
    get mails() {
      return all("mail", decodeMail);
    },
    count: (name) => frames.filter((frame) => frame.name === name).length,
    send,
    mail: (linkSeq, what, home) => send("mail", encodeMail({ linkSeq, hopLimit: 7, home, envelope: what.bytes })),
  };
}
