/**
 * A network address translator, in the words of RFC 4787: what it maps the address of a host behind it to (section 4.1), which
 * packets of others it lets in (5), which ports it assigns (4.2), whether two hosts behind it meet by its own address (6), and how
 * long it remembers (4.3). A machine over (packet, time); it sends nothing.
 *
 * Must hold: one external port of one protocol means one inner endpoint at a time; a packet comes in only through a mapping that
 * lives and that the filter lets it use.
 */
import { PerdureError } from "../../wire/error.ts";
import type { Draws } from "./draws.ts";

export type Dependence = "endpoint-independent" | "address-dependent" | "address-and-port-dependent";

export interface NatBehaviour {
  readonly mapping: Dependence;
  readonly filtering: Dependence;
  /** The inner port where it is free; the next one; any; one that follows from the inner endpoint. */
  readonly ports: "preserved" | "contiguous" | "random" | "hashed";
  /** A packet from inside to its own address comes back in. */
  readonly hairpin: boolean;
  /** Mappings end so long after the last packet that counts, milliseconds. */
  readonly idleMs: { readonly udp: number; readonly tcp: number };
  /** Those of UDP end at this age, whatever passes; milliseconds. */
  readonly udpMaxAgeMs: number;
  /** Whether packets from outside count too (RFC 4787, REQ-6 asks only for those from inside). */
  readonly inboundRefreshes: boolean;
  /** False where nothing but TCP gets out. */
  readonly udp: boolean;
  /** Whether who sends over TCP into what was forgotten is told with a reset. */
  readonly resets: boolean;
  /**
   * A packet that nobody asked for is taken for a flow to the box itself: who then writes from inside to where it came from gets
   * another port than he would.
   */
  readonly poisoned: boolean;
  /** External ports it has. */
  readonly portCount: number;
}

export type NatProtocol = "udp" | "tcp";

export interface NatEndpoint {
  readonly host: string;
  readonly port: number;
}

export interface Nat {
  /** What others see of it. */
  readonly address: string;
  readonly behaviour: NatBehaviour;
  /** Where a packet from inside seems to come from outside; `undefined` when it does not get out. */
  outbound(protocol: NatProtocol, from: NatEndpoint, to: NatEndpoint, nowMs: number): NatEndpoint | undefined;
  /** Whom a packet to an external port is for inside; `undefined` when it is dropped. */
  inbound(protocol: NatProtocol, from: NatEndpoint, port: number, nowMs: number): NatEndpoint | undefined;
  /** Forgets everything, as when its power was gone. */
  restart(): void;
  /** Mappings that live. */
  mappings(nowMs: number): number;
}

const HOME: NatBehaviour = {
  mapping: "endpoint-independent",
  filtering: "address-and-port-dependent",
  ports: "preserved",
  hairpin: false,
  idleMs: { udp: 30_000, tcp: 7_440_000 },
  udpMaxAgeMs: Number.POSITIVE_INFINITY,
  inboundRefreshes: true,
  udp: true,
  resets: false,
  poisoned: false,
  portCount: 60_000,
};

/** Kinds that are met, by the names they go by. */
export const NAT_KINDS = {
  "full-cone": { ...HOME, filtering: "endpoint-independent" },
  "address-restricted": { ...HOME, filtering: "address-dependent" },
  "port-restricted": HOME,
  hashed: { ...HOME, ports: "hashed" },
  "symmetric-contiguous": { ...HOME, mapping: "address-and-port-dependent", ports: "contiguous" },
  "symmetric-random": { ...HOME, mapping: "address-and-port-dependent", ports: "random" },
  poisoned: { ...HOME, poisoned: true },
  /** As of a carrier: few ports for many, mappings of an absolute age, and the hosts behind it can meet. */
  carrier: { ...HOME, ports: "random", hairpin: true, idleMs: { udp: 60_000, tcp: 300_000 }, udpMaxAgeMs: 75_000, portCount: 2000 },
  "udp-blocked": { ...HOME, udp: false, resets: true, idleMs: { udp: 0, tcp: 60_000 } },
} as const satisfies Readonly<Record<string, NatBehaviour>>;
export type NatKind = keyof typeof NAT_KINDS;

interface Mapping {
  readonly key: string;
  readonly inner: NatEndpoint;
  readonly port: number;
  readonly bornMs: number;
  /** Where it has sent to: hosts, and hosts with ports. */
  readonly contacted: Set<string>;
  usedMs: number;
}

const FIRST_PORT = 1024;
/** Tries for a free port before the box is taken for full. */
const MAX_TRIES = 4096;

export function createNat(address: string, behaviour: NatBehaviour, draws: Draws): Nat {
  const byKey = new Map<string, Mapping>();
  const byPort = new Map<string, Mapping>();
  const poison = new Set<string>();
  let next = 0;

  const lives = (protocol: NatProtocol, { bornMs, usedMs }: Mapping, nowMs: number): boolean =>
    nowMs - usedMs <= behaviour.idleMs[protocol] && (protocol === "tcp" || nowMs - bornMs <= behaviour.udpMaxAgeMs);

  const forget = (protocol: NatProtocol, mapping: Mapping): void => {
    byKey.delete(mapping.key);
    byPort.delete(`${protocol} ${mapping.port}`);
  };

  const found = (protocol: NatProtocol, mapping: Mapping | undefined, nowMs: number): Mapping | undefined => {
    if (mapping === undefined || lives(protocol, mapping, nowMs)) return mapping;
    forget(protocol, mapping);
    return undefined;
  };

  const candidate = (inner: NatEndpoint, tried: number): number => {
    const preferred =
      behaviour.ports === "preserved"
        ? inner.port - FIRST_PORT
        : behaviour.ports === "hashed"
          ? hashOf(`${inner.host}:${inner.port}`)
          : behaviour.ports === "contiguous"
            ? next++
            : draws.u32();
    const offset = tried > 0 && (behaviour.ports === "preserved" || behaviour.ports === "hashed") ? draws.u32() : preferred;
    return FIRST_PORT + (((offset % behaviour.portCount) + behaviour.portCount) % behaviour.portCount);
  };

  const assign = (protocol: NatProtocol, inner: NatEndpoint, to: NatEndpoint, nowMs: number): number | undefined => {
    for (let tried = 0; tried < MAX_TRIES; tried++) {
      const port = candidate(inner, tried);
      if (poison.has(`${protocol} ${port} ${endpointText(to)}`)) continue;
      if (found(protocol, byPort.get(`${protocol} ${port}`), nowMs) === undefined) return port;
    }
    return undefined;
  };

  /** What a mapping depends on besides the inner endpoint. A poisoned port makes one flow an exception. */
  const keyOf = (protocol: NatProtocol, from: NatEndpoint, to: NatEndpoint): string => {
    const inner = `${protocol} ${endpointText(from)}`;
    const usual = byKey.get(inner);
    if (usual !== undefined && poison.has(`${protocol} ${usual.port} ${endpointText(to)}`)) return `${inner} > ${endpointText(to)}`;
    if (behaviour.mapping === "endpoint-independent") return inner;
    return `${inner} > ${behaviour.mapping === "address-dependent" ? to.host : endpointText(to)}`;
  };

  return {
    address,
    behaviour,
    outbound: (protocol, from, to, nowMs) => {
      if (protocol === "udp" && !behaviour.udp) return undefined;
      if (from.port <= 0) throw new PerdureError("internal", "a packet comes from a port");
      const key = keyOf(protocol, from, to);
      let mapping = found(protocol, byKey.get(key), nowMs);
      if (mapping === undefined) {
        const port = assign(protocol, from, to, nowMs);
        if (port === undefined) return undefined;
        mapping = { key, inner: from, port, bornMs: nowMs, contacted: new Set(), usedMs: nowMs };
        byKey.set(key, mapping);
        byPort.set(`${protocol} ${port}`, mapping);
      }
      mapping.usedMs = nowMs;
      mapping.contacted.add(to.host).add(endpointText(to));
      return { host: address, port: mapping.port };
    },
    inbound: (protocol, from, port, nowMs) => {
      if (protocol === "udp" && !behaviour.udp) return undefined;
      const mapping = found(protocol, byPort.get(`${protocol} ${port}`), nowMs);
      const passes =
        mapping !== undefined &&
        (behaviour.filtering === "endpoint-independent" ||
          mapping.contacted.has(behaviour.filtering === "address-dependent" ? from.host : endpointText(from)));
      if (mapping === undefined || !passes) {
        if (behaviour.poisoned) poison.add(`${protocol} ${port} ${endpointText(from)}`);
        return undefined;
      }
      if (behaviour.inboundRefreshes) mapping.usedMs = nowMs;
      return mapping.inner;
    },
    restart: () => {
      byKey.clear();
      byPort.clear();
      poison.clear();
    },
    mappings: (nowMs) => [...byPort].filter(([key, mapping]) => lives(key.startsWith("udp") ? "udp" : "tcp", mapping, nowMs)).length,
  };
}

export function endpointText({ host, port }: NatEndpoint): string {
  return `${host}:${port}`;
}

function hashOf(text: string): number {
  let sum = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) sum = Math.imul(sum ^ text.charCodeAt(index), 0x01000193);
  return sum >>> 0;
}
