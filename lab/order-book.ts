/**
 * Handlers get the messages of one stream in the order of their numbers: none is chosen while one before it lies there whole and free,
 * unless somebody waits for it as an answer. And who had a message taken back completes it no more.
 *
 * Known is what a process said since it began: who chose something, and who had said before that it was received. Of what a process before
 * it left, and of messages that may be the twin of another, nothing is asked.
 */
import type { LogFields } from "../packages/perdure/src/host/log.ts";

export interface OrderBook {
  /** What an agent says of itself. */
  fact(host: string, event: string, fields: LogFields): void;
  /** Its process is over. */
  forget(host: string): void;
}

interface Arriving {
  readonly parts: Set<number>;
  whole: boolean;
  free: boolean;
  /** The newest attempt whose claim was taken back. */
  takenBack: number;
}

/** Events after which a message lies there no more. */
const OVER: ReadonlySet<string> = new Set([
  "agent.completed",
  "agent.failed",
  "agent.too-late",
  "agent.rejected",
  "agent.not-taken",
  "agent.not-admitted",
]);

export function createOrderBook(fail: (invariant: string, what: string) => void): OrderBook {
  /** By host, then by sender and stream, then by number. */
  const hosts = new Map<string, Map<string, Map<number, Arriving>>>();

  const streamOf = (host: string, fields: LogFields): { readonly stream: Map<number, Arriving>; readonly seq: number } => {
    const streams = hosts.get(host) ?? new Map<string, Map<number, Arriving>>();
    hosts.set(host, streams);
    const [name = "", seq = "0"] = String(fields["id"] ?? "").split(".");
    const key = `${String(fields["from"] ?? "")} ${name}`;
    const stream = streams.get(key) ?? new Map<number, Arriving>();
    streams.set(key, stream);
    return { stream, seq: Number(seq) };
  };

  return {
    fact(host, event, fields) {
      if (event === "agent.received") {
        if (fields["keyed"] === true || fields["box"] === "requests") return;
        const { stream, seq } = streamOf(host, fields);
        const known = stream.get(seq) ?? { parts: new Set<number>(), whole: false, free: true, takenBack: 0 };
        stream.set(seq, known);
        known.whole = known.parts.add(Number(fields["part"])).size >= Number(fields["parts"]);
      } else if (event === "agent.claimed") {
        const { stream, seq } = streamOf(host, fields);
        const known = stream.get(seq);
        if (known !== undefined) known.free = false;
        if (fields["asked"] === true || known === undefined) return;
        const passed = [...stream].find(([each, { whole, free }]) => each < seq && whole && free);
        if (passed !== undefined)
          fail("order", `${String(fields["id"])} starts at ${host} before number ${passed[0]} of its stream, which lies there`);
      } else if (event === "agent.put-off" || event === "agent.claim-freed") {
        const { stream, seq } = streamOf(host, fields);
        const known = stream.get(seq);
        if (known === undefined) return;
        known.free = true;
        if (event === "agent.put-off") known.takenBack = Number(fields["attempt"]);
      } else if (OVER.has(event)) {
        const { stream, seq } = streamOf(host, fields);
        const takenBack = stream.get(seq)?.takenBack ?? 0;
        stream.delete(seq);
        if (event === "agent.completed" && fields["twin"] !== true && takenBack > 0 && Number(fields["attempt"]) <= takenBack)
          fail("3 completion", `attempt ${String(fields["attempt"])} completed ${String(fields["id"])} at ${host}, and was over`);
      }
    },
    forget: (host) => void hosts.delete(host),
  };
}
