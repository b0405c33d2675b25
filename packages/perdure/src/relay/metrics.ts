/**
 * The relay's numbers for Prometheus, in its text format 0.0.4. What each means stands in its help line and in docs/operate.md;
 * names and meanings are kept from version to version.
 */
import type { PeerRow, RelayStatus } from "./status.ts";

export const METRICS_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

interface Metric {
  readonly name: string;
  readonly type: "counter" | "gauge";
  readonly help: string;
  readonly samples: readonly (readonly [labels: Readonly<Record<string, string>>, value: number])[];
}

export function metricsText(status: RelayStatus): string {
  return `${metricsOf(status).flatMap(linesOf).join("\n")}\n`;
}

function metricsOf(status: RelayStatus): readonly Metric[] {
  const { counters, peers } = status;
  return [
    gauge("healthy", "1 when the relay takes and keeps mail, 0 when it does not.", status.healthy ? 1 : 0),
    gauge("started_timestamp_seconds", "When this process opened the relay.", status.startedAtMs / 1000),
    gauge("connections", "Open connections, handshakes included.", status.connections),
    gauge("agents", "Agents registered here.", status.agentCount),
    gauge("waiting_messages", "Messages kept until their reader settles them or they expire.", status.waitingMessages),
    gauge("waiting_bytes", "Bytes of such messages.", status.waitingBytes),
    gauge("oldest_waiting_seconds", "How long the oldest message of those with most waiting has waited.", oldestSeconds(status)),
    gauge("disk_bytes", "Bytes of the log on disk, and of files prepared for it.", status.diskBytes),
    gauge("disk_limit_bytes", "Bytes set for it (setting storeBytes); at it new mail is refused.", status.diskLimitBytes),
    ...(status.memoryBytes === undefined ? [] : [gauge("memory_bytes", "Resident memory of the process.", status.memoryBytes)]),
    counter("accepted_total", "Messages taken and kept.", counters.accepted),
    counter("duplicates_total", "Messages that had come before, taken once.", counters.duplicates),
    counter("delivered_total", "Messages handed to a reader; again after a lost connection.", counters.delivered),
    counter("settled_total", "Messages released by their reader.", counters.settled),
    counter("expired_total", "Messages whose time ran out here; their senders are told.", counters.expired),
    counter("lost_total", "Messages damaged on this disk; their senders are told where they are known.", counters.lost),
    gauge("damaged_places", "Places of the log that could not be read when this process opened it.", status.damage.places),
    gauge("damaged_bytes", "Bytes of such places.", status.damage.bytes),
    counter("statements_total", "Statements signed about what is kept.", counters.statements),
    {
      name: "perdure_refused_total",
      type: "counter",
      help: "Messages not taken, by error code; their senders keep them.",
      samples: Object.entries(counters.refused).map(([code, times]) => [{ code }, times]),
    },
    {
      name: "perdure_limited_total",
      type: "counter",
      help: "Times somebody came up against a limit, by the name of the setting.",
      samples: Object.entries(counters.limited).map(([limit, times]) => [{ limit }, times]),
    },
    gauge("peers", "Other relays this one has met, or has mail for.", peers.length),
    gauge("peers_connected", "Of those, the ones with an open session.", peers.filter((peer) => peer.connected).length),
    ofPeers("peer_waiting_messages", "gauge", "Messages waiting to be passed on, by relay.", peers, (peer) => peer.waitingMessages),
    ofPeers("peer_oldest_waiting_seconds", "gauge", "How long the oldest of them has waited.", peers, (peer) =>
      seconds(status.nowMs, peer.oldestWaitingSinceMs),
    ),
    ofPeers("peer_passed_on_total", "counter", "Messages passed on, by relay.", peers, (peer) => peer.passedOn),
    ofPeers("peer_relayed_in_total", "counter", "Messages taken from it, by relay.", peers, (peer) => peer.relayedIn),
  ];
}

function gauge(name: string, help: string, value: number): Metric {
  return { name: `perdure_${name}`, type: "gauge", help, samples: [[{}, value]] };
}

function counter(name: string, help: string, value: number): Metric {
  return { name: `perdure_${name}`, type: "counter", help, samples: [[{}, value]] };
}

function ofPeers(name: string, type: Metric["type"], help: string, peers: readonly PeerRow[], numberOf: (peer: PeerRow) => number): Metric {
  return { name: `perdure_${name}`, type, help, samples: peers.map((peer) => [{ relay: peer.id }, numberOf(peer)]) };
}

function oldestSeconds({ agents, nowMs }: RelayStatus): number {
  return agents.reduce((oldest, agent) => Math.max(oldest, seconds(nowMs, agent.oldestWaitingSinceMs)), 0);
}

function seconds(nowMs: number, sinceMs: number | undefined): number {
  return sinceMs === undefined ? 0 : Math.max(0, (nowMs - sinceMs) / 1000);
}

function linesOf({ name, type, help, samples }: Metric): readonly string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...samples.map(([labels, value]) => `${name}${labelsText(labels)} ${value}`)];
}

function labelsText(labels: Readonly<Record<string, string>>): string {
  const words = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return words.length === 0 ? "" : `{${words.join(",")}}`;
}

function escaped(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
