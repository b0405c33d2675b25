import type { Bytes } from "../packages/perdure/src/wire/bytes.ts";

/** One way in for bytes of others. */
export interface Decoder {
  readonly name: string;
  /**
   * Reads the input. Resolves with what the value it read is encoded as, when one value has one encoding, else with `undefined`. May
   * throw a PerdureError of any code but `internal`, and nothing else.
   */
  readonly take: (input: Bytes) => Bytes | undefined | Promise<Bytes | undefined>;
  /** Inputs to begin with. */
  readonly seeds: readonly Bytes[];
  /** Byte strings worth putting in. */
  readonly words?: readonly Bytes[];
  /** Makes checksums and signatures right again after a mutation, so that what lies behind them is reached. */
  readonly repair?: (input: Bytes) => Bytes | Promise<Bytes>;
  /** Longer inputs are not tried; the decoder's own limit and a little more. */
  readonly maxBytes: number;
  /** Its share of the inputs; 1 when nothing is said. */
  readonly share?: number;
}
