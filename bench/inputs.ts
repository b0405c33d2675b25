/** What it costs a relay to keep its inputs for `perdure doctor --bundle`: two relays in turns, one of which keeps none. */
import { type Measurement, ofRounds } from "./measure.ts";
import { PERDURE, PERDURE_BARE, SHAPES, type Shape } from "./relay/contenders.ts";
import { compete, figureOf } from "./relay/contest.ts";

const SHAPE = "50x8";
const PACE = { rounds: 9, ms: 1_500 };

export async function benchInputs(folder: string): Promise<readonly Measurement[]> {
  const shape = { ...(SHAPES.find(({ name }) => name === SHAPE) as Shape), contenders: [PERDURE, PERDURE_BARE] };
  const rows = await compete(folder, shape, PACE);
  return rows.map((row) =>
    ofRounds(
      `processor time of the relay, ${row.contender === PERDURE.name ? "inputs kept" : "no inputs kept"}; ${SHAPE}, envelopes of ${row.payloadBytes} bytes`,
      "microseconds per message",
      figureOf(row, "serverMicrosPerMessage").rounds,
    ),
  );
}
