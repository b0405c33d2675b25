/** A relay and senders that lie, in a simulated world with honest agents: every frame and every sealed head can be bent. */
import type { Agent, OpenOptions } from "../src/agent/api.ts";
import { openAgentWith } from "../src/agent/open-agent.ts";
import type { LogFields } from "../src/host/log.ts";
import { createNodeHost } from "../src/host/node/index.ts";
import { createWorld, type World } from "../src/host/simulated/index.ts";
import { createIdentity, type OwnIdentity, sealPart, type VerifiedIdentity, verifyBundle } from "../src/identity/index.ts";
import { acceptSession } from "../src/protocol/link/accept.ts";
import { formatRelayAddress, type Session } from "../src/protocol/link/index.ts";
import { createSettings, type Settings } from "../src/settings/register.ts";
import { type Bytes, EMPTY, hex, utf8 } from "../src/wire/bytes.ts";
import { decodeMail, encodeAck, encodeDeliver, found, lookup, type Welcome } from "../src/wire/control.ts";
import { decodeEnvelope, type Envelope } from "../src/wire/envelope.ts";
import type { Frame } from "../src/wire/frame.ts";
import type { AgentId } from "../src/wire/ids.ts";
import { MAX_TRANSPORT_BYTES } from "../src/wire/limits.ts";
import { RECEIPT_CONTENT_TYPE, type ReceiptEntry, receipt, type SealedHead } from "../src/wire/sealed.ts";
import { headOver } from "../src/wire/test-sealed-head.ts";

const URL = "ws://127.0.0.1:4410";
const hash = createNodeHost().crypto.hash;
const QUICK = { redialMinMs: 10, redialMaxMs: 200, retryMinMs: 1, retryMaxMs: 20 };

export interface RogueWorld {
  readonly world: World;
  readonly relay: RogueRelay;
  readonly facts: readonly { readonly host: string; readonly event: string; readonly fields: LogFields }[];
  /** Opens an honest agent that joins the lying relay. */
  open(name: string, options?: OpenOptions): Promise<Agent>;
  /** An identity without an agent, known to the relay, that seals whatever it is told; its record claims the name `claims`. */
  forger(name: string, claims?: string): Promise<Forger>;
  /** Runs until `condition`, at most a virtual minute; false when it did not come true. */
  until(condition: () => boolean, limitMs?: number): Promise<boolean>;
  pass(ms: number): Promise<void>;
}

export interface RogueRelay {
  readonly own: OwnIdentity;
  readonly address: string;
  /** Changes what the next sessions are welcomed with. */
  welcome: (agent: VerifiedIdentity) => Partial<Welcome>;
  /** Answers a frame; the default takes mail, acknowledges it, and answers lookups from `known`. */
  frame: (frame: Frame, line: RogueLine) => void;
  /** The default of `frame`. */
  honest(frame: Frame, line: RogueLine): void;
  readonly known: Map<string, Bytes>;
  readonly taken: Envelope[];
  line(agent: Agent | AgentId): RogueLine | undefined;
  readonly lines: readonly RogueLine[];
}

export interface RogueLine {
  readonly agent: VerifiedIdentity;
  readonly session: Session;
  readonly link: Bytes;
  readonly frames: Frame[];
  open: boolean;
  taken: number;
  deliver(
    envelope: Envelope | Bytes,
    more?: { readonly position?: number; readonly generation?: Bytes; readonly storedAtMs?: number },
  ): void;
}

export interface Forger {
  readonly own: OwnIdentity;
  seal(
    to: Agent,
    wish?: Partial<Omit<SealedHead, "bundle">> & {
      readonly seq?: number;
      readonly stream?: number;
      readonly class?: "mail" | "receipt";
      readonly content?: Bytes;
      readonly expiresAtMs?: number;
      readonly bundle?: Bytes;
    },
  ): Promise<Envelope>;
  receipt(to: Agent, entries: readonly ReceiptEntry[], seq?: number): Promise<Envelope>;
}

export const GENERATION: Bytes = new Uint8Array(8).fill(7);

export async function createRogueWorld(seed: number, settings: Record<string, number> = {}): Promise<RogueWorld> {
  const world = createWorld({ seed, hash, cryptoOrder: "at-once" });
  const facts: { host: string; event: string; fields: LogFields }[] = [];
  world.onLog((host, _level, event, fields) => void facts.push({ host, event, fields }));
  const relaySettings = createSettings();
  const relay = await openRogueRelay(world, relaySettings);
  return {
    world,
    relay,
    facts,
    open: (name, options = {}) =>
      world.complete(
        openAgentWith(world.host(name), "home", {
          join: relay.address,
          strangers: "welcome",
          ...options,
          settings: { ...QUICK, ...settings, ...options.settings },
        }),
      ),
    async forger(name, claims) {
      const host = world.host(name);
      const own = await world.complete(
        createIdentity({
          host,
          folder: "forger",
          role: "mail",
          custody: "together",
          settings: relaySettings,
          ...(claims === undefined ? {} : { name: claims }),
        }),
      );
      relay.known.set(hex(own.idRaw), own.bundle());
      const identityOf = async (agent: Agent): Promise<VerifiedIdentity> => {
        const raw = [...relay.lines].reverse().find((line) => line.agent.id === agent.id)?.agent;
        if (raw === undefined) throw new Error("the agent never attached");
        return await verifyBundle(host.crypto, raw.bundle, host.clock.wallMs());
      };
      const forger: Forger = {
        own,
        async seal(
          to,
          {
            seq = 1,
            stream = 1,
            class: kind = "mail",
            content = utf8("forged"),
            expiresAtMs = host.clock.wallMs() + 3_600_000,
            ...head
          } = {},
        ) {
          return await world.complete(
            (async () => {
              const recipient = await identityOf(to);
              return await sealPart({
                crypto: host.crypto,
                random: host.random,
                own,
                recipient,
                class: kind,
                stream: new Uint8Array(8).fill(stream),
                seq,
                expiresAtMs,
                content,
                head: headOver(content, hash.sha256, {
                  contentType: kind === "receipt" ? RECEIPT_CONTENT_TYPE : "text/plain",
                  sentAtMs: host.clock.wallMs(),
                  bundle: own.bundle(),
                  ...head,
                }),
              });
            })(),
          );
        },
        receipt: (to, entries, seq = 1) =>
          forger.seal(to, { class: "receipt", seq, stream: 9, content: receipt.encode({ version: 1, entries, extensions: [] }) }),
      };
      return forger;
    },
    async until(condition, limitMs = 60_000) {
      await world.run({ untilMs: world.nowMs + limitMs, until: condition });
      return condition();
    },
    async pass(ms) {
      await world.run({ untilMs: world.nowMs + ms });
    },
  };
}

async function openRogueRelay(world: World, settings: Settings): Promise<RogueRelay> {
  const host = world.host("relay");
  const own = await world.complete(createIdentity({ host, folder: "post", role: "relay", custody: "together", settings }));
  const lines: RogueLine[] = [];
  const relay: RogueRelay = {
    own,
    address: formatRelayAddress(URL, own.idRaw),
    known: new Map(),
    taken: [],
    lines,
    welcome: () => ({}),
    frame: (frame, line) => relay.honest(frame, line),
    honest(frame, line) {
      if (frame.name === "mail") {
        const { linkSeq, envelope } = decodeMail(frame.payload);
        relay.taken.push(decodeEnvelope(envelope.slice()));
        line.taken = linkSeq;
        line.session.send([{ name: "ack", payload: encodeAck(linkSeq) }]);
      } else if (frame.name === "lookup") {
        const { request, what, key } = lookup.decode(frame.payload);
        const bundle = relay.known.get(what === "agent" ? hex(key) : new TextDecoder().decode(key)) ?? EMPTY;
        line.session.send([{ name: "found", payload: found.encode({ request, bundle, code: "" }) }]);
      }
    },
    line: (agent) => lines.findLast((each) => each.open && each.agent.id === (typeof agent === "string" ? agent : agent.id)),
  };
  const linkUpTo = new Map<string, number>();
  await world.complete(
    host.net.listen(URL, {
      maxMessageBytes: MAX_TRANSPORT_BYTES,
      onConnection: (connection) => {
        let seen: VerifiedIdentity | undefined;
        acceptSession({
          host,
          settings,
          connection,
          own,
          admit: async ({ agent, proof: { link } }) => {
            seen = agent;
            relay.known.set(hex(agent.idRaw), agent.bundle);
            if (agent.name !== undefined && !relay.known.has(agent.name)) relay.known.set(agent.name, agent.bundle);
            return {
              relayTimeMs: host.clock.wallMs(),
              generation: GENERATION,
              epoch: 1,
              tail: 0,
              settledFloor: 0,
              linkUpTo: linkUpTo.get(hex(link)) ?? 0,
              linkRefused: [],
              windowFrames: 128,
              windowBytes: 4_194_304,
              pingEveryMs: 15_000,
              contactsVersion: 0,
              pass: new Uint8Array(),
              extensions: [],
              ...relay.welcome(agent),
            };
          },
        }).then(
          ({ session, proof }) => {
            let position = 0;
            const line: RogueLine = {
              agent: seen as VerifiedIdentity,
              session,
              link: proof.link,
              frames: [],
              open: true,
              taken: 0,
              deliver: (envelope, more = {}) =>
                session.send([
                  {
                    name: "deliver",
                    payload: encodeDeliver({
                      generation: GENERATION,
                      position: ++position,
                      storedAtMs: host.clock.wallMs(),
                      envelope: "bytes" in envelope ? envelope.bytes : envelope,
                      ...more,
                    }),
                  },
                ]),
            };
            lines.push(line);
            session.start({
              frame: (frame) => {
                const copy = { name: frame.name, payload: frame.payload.slice() };
                line.frames.push(copy);
                relay.frame(copy, line);
                linkUpTo.set(hex(line.link), line.taken);
              },
              drained: () => undefined,
              closed: () => {
                line.open = false;
              },
            });
          },
          () => undefined,
        );
      },
    }),
  );
  return relay;
}
