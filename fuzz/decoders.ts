/** Every way in for bytes of others: from the wire, from a disk, from people. */
import { readCaseSeeds } from "./case-seeds.ts";
import type { Decoder } from "./decoder.ts";
import { keptFileDecoder, logDecoders, recordDecoders, recoveryDecoder } from "./disk-decoders.ts";
import { identityDecoders } from "./identity-decoders.ts";
import { textDecoders } from "./text-decoders.ts";
import { layoutDecoders, shapeDecoders } from "./wire-decoders.ts";

export async function listDecoders(): Promise<readonly Decoder[]> {
  const seeds = readCaseSeeds();
  return [
    ...shapeDecoders(seeds),
    ...layoutDecoders(seeds),
    ...recordDecoders(),
    ...logDecoders(),
    keptFileDecoder(seeds),
    recoveryDecoder(),
    ...(await identityDecoders(seeds)),
    ...textDecoders(),
  ];
}
