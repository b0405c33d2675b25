/**
 * Every way in for bytes of others: from the wire, from a disk, from people. In two families, because the more code a process has loaded,
 * the longer it takes to find out what of it ran: those that only read are campaigned before the others are even imported.
 */
import { readCaseSeeds } from "./case-seeds.ts";
import type { Decoder } from "./decoder.ts";

export interface Family {
  /** Its part of the inputs of a whole campaign. */
  readonly part: number;
  list(): Promise<readonly Decoder[]>;
}

export const FAMILIES: readonly Family[] = [
  {
    part: 0.94,
    list: async () => {
      const seeds = readCaseSeeds();
      const { layoutDecoders, shapeDecoders } = await import("./wire-decoders.ts");
      const { keptFileDecoder, logDecoders, recordDecoders, recoveryDecoder } = await import("./disk-decoders.ts");
      const { textDecoders } = await import("./text-decoders.ts");
      const { vectorFileDecoders } = await import("./vector-file-decoders.ts");
      const { indexFileDecoder } = await import("./index-file-decoder.ts");
      return [
        ...shapeDecoders(seeds),
        ...layoutDecoders(seeds),
        ...recordDecoders(),
        ...logDecoders(),
        keptFileDecoder(seeds),
        recoveryDecoder(),
        ...textDecoders(),
        ...vectorFileDecoders(),
        await indexFileDecoder(),
      ];
    },
  },
  {
    part: 0.06,
    list: async () => {
      const { identityDecoders } = await import("./identity-decoders.ts");
      const { httpDecoder } = await import("./http-decoder.ts");
      return [...(await identityDecoders(readCaseSeeds())), httpDecoder()];
    },
  },
];

export async function listDecoders(): Promise<readonly Decoder[]> {
  return (await Promise.all(FAMILIES.map((family) => family.list()))).flat();
}
