/**
 * What another relay on the way costs: the same load by way of one relay and of two, in turns, and then one message at a time, for what
 * the way adds to its time.
 */
import { type Measurement, ofRounds } from "./measure.ts";
import { PERDURE, PERDURE_TWO, SHAPES, type Shape } from "./relay/contenders.ts";
import { compete, figureOf, type Row } from "./relay/contest.ts";

const LOADED = "50x8";
const ALONE = "2x1";
const PACE = { rounds: 5, ms: 1_500 };

export async function benchFederation(folder: string): Promise<readonly Measurement[]> {
  const rowsOf = (shape: string): Promise<readonly Row[]> =>
    compete(folder, { ...(SHAPES.find(({ name }) => name === shape) as Shape), contenders: [PERDURE, PERDURE_TWO] }, PACE);
  const measured: Measurement[] = [];
  for (const row of [...(await rowsOf(LOADED)), ...(await rowsOf(ALONE))]) {
    const what = `${row.contender === PERDURE.name ? "one relay" : "two relays"}, ${row.shape}, envelopes of ${row.payloadBytes} bytes`;
    const latencyMs = { p50: figureOf(row, "deliveredP50Ms").value, p99: figureOf(row, "deliveredP99Ms").value };
    measured.push({
      ...ofRounds(`taken, delivered, acknowledged; ${what}`, "messages per second", figureOf(row, "messagesPerSecond").rounds),
      latencyMs,
    });
    for (const [figure, { rounds }] of Object.entries(row.figures)) {
      const [name, relay] = figure.split(" ");
      if (name === "serverMicrosPerMessage")
        measured.push(
          ofRounds(`processor time${relay === undefined ? "" : ` of the relay ${relay}`}; ${what}`, "microseconds per message", rounds),
        );
    }
  }
  return measured;
}
