/**
 * Handlers get the messages of one stream in the order of their numbers: none is chosen while one before it lies there whole and free,
 * unless somebody waits for it as an answer, and none that had not waited for one on its way before it. And who had a message taken back
 * completes it no more.
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
  /** By its recipient's date. */
  atMs: number;
  whole: boolean;
  /** One that began before this one came, and had not waited for it. */
  readonly passedBy: number | undefined;
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

interface Stream {
  readonly messages: Map<number, Arriving>;
  /** The highest number that began sooner than a hole before it is waited for. */
  quick: number;
}

export interface OrderBookOptions {
  /** How long what comes after a hole waits for it. */
  readonly holeWaitMs: number;
  /** An agent whose folder lives twice, or again as it was: it may say that something is over which is not. */
  readonly isUnreliable: (agentId: string) => boolean;
  readonly fail: (invariant: string, what: string) => void;
}

export function createOrderBook({ holeWaitMs, isUnreliable, fail }: OrderBookOptions): OrderBook {
  /** By host, then by sender and stream, then by number. */
  const hosts = new Map<string, Map<string, Stream>>();

  const streamOf = (host: string, fields: LogFields): { readonly stream: Stream; readonly seq: number } => {
    const streams = hosts.get(host) ?? new Map<string, Stream>();
    hosts.set(host, streams);
    const [name = "", seq = "0"] = String(fields["id"] ?? "").split(".");
    const key = `${String(fields["from"] ?? "")} ${name}`;
    const stream = streams.get(key) ?? { messages: new Map<number, Arriving>(), quick: 0 };
    streams.set(key, stream);
    return { stream, seq: Number(seq) };
  };

  return {
    fact(host, event, fields) {
      if (event === "agent.received") {
        if (fields["keyed"] === true || fields["box"] === "requests") return;
        const { stream, seq } = streamOf(host, fields);
        const passedBy = stream.quick > seq ? stream.quick : undefined;
        const known = stream.messages.get(seq) ?? { parts: new Set<number>(), atMs: 0, whole: false, passedBy, free: true, takenBack: 0 };
        stream.messages.set(seq, known);
        known.atMs = Math.max(known.atMs, Number(fields["atMs"]));
        known.whole = known.parts.add(Number(fields["part"])).size >= Number(fields["parts"]);
      } else if (event === "agent.claimed") {
        const { stream, seq } = streamOf(host, fields);
        const known = stream.messages.get(seq);
        if (known !== undefined) known.free = false;
        if (fields["asked"] === true || known === undefined) return;
        const waitedMs = Number(fields["atMs"]) - known.atMs;
        // A date that went back tells nothing.
        if (waitedMs >= 0 && waitedMs < holeWaitMs) stream.quick = Math.max(stream.quick, seq);
        if (known.passedBy !== undefined && Number(fields["attempt"]) === 1 && !isUnreliable(String(fields["from"] ?? "")))
          fail("order", `number ${known.passedBy} of the stream of ${String(fields["id"])} did not wait for it at ${host}`);
        const passed = [...stream.messages].find(([each, { whole, free }]) => each < seq && whole && free);
        if (passed !== undefined)
          fail("order", `${String(fields["id"])} starts at ${host} before number ${passed[0]} of its stream, which lies there`);
      } else if (event === "agent.put-off" || event === "agent.claim-freed") {
        const { stream, seq } = streamOf(host, fields);
        const known = stream.messages.get(seq);
        if (known === undefined) return;
        known.free = true;
        if (event === "agent.put-off") known.takenBack = Number(fields["attempt"]);
      } else if (OVER.has(event)) {
        const { stream, seq } = streamOf(host, fields);
        const takenBack = stream.messages.get(seq)?.takenBack ?? 0;
        stream.messages.delete(seq);
        if (event === "agent.completed" && fields["twin"] !== true && takenBack > 0 && Number(fields["attempt"]) <= takenBack)
          fail("3 completion", `attempt ${String(fields["attempt"])} completed ${String(fields["id"])} at ${host}, and was over`);
      }
    },
    forget: (host) => void hosts.delete(host),
  };
}
