/** Decoders with a bug, to see that a campaign finds what it is there to find. */
import { type Bytes, concat, EMPTY } from "../packages/perdure/src/wire/bytes.ts";
import { PerdureError } from "../packages/perdure/src/wire/error.ts";
import type { Finding } from "./campaign.ts";
import { BYTES_PER_BYTE, FREE_BYTES, SLOW_MS } from "./campaign.ts";
import type { Decoder } from "./decoder.ts";

const SEEDS: readonly Bytes[] = [Uint8Array.of(0x83, 0x01, 0x41, 0x07, 0x80)];

export function plantedDecoders(): readonly { readonly kind: Finding["kind"]; readonly decoder: Decoder }[] {
  const held: Bytes[] = [];
  const planted = (kind: Finding["kind"], take: Decoder["take"]) => ({
    kind,
    decoder: { name: `planted ${kind}`, take, seeds: SEEDS, maxBytes: 64 },
  });
  return [
    planted("threw", (input) => {
      if (input[0] === 0x84) throw new TypeError("planted");
      throw new PerdureError("malformed", "planted");
    }),
    planted("differs", (input) => (input.length % 7 === 0 ? concat(input, EMPTY.slice(), Uint8Array.of(0)) : input)),
    planted("slow", (input) => {
      const until = performance.now() + (input[0] === 0x84 && input[1] === 0x18 ? SLOW_MS + 50 : 0);
      while (performance.now() < until);
      return undefined;
    }),
    planted("memory", (input) => {
      // Every time anew: which inputs are measured is drawn, and one that was taken before must show it as well.
      if (input.length > 60) held[0] = new Uint8Array(FREE_BYTES + (BYTES_PER_BYTE + 1) * input.length);
      return undefined;
    }),
  ];
}

/** Fails only behind three bytes that must be right one after the other. */
export function behindAMaze(): Decoder {
  return {
    name: "planted maze",
    take: (input) => {
      if (input[0] === 0x4d) {
        if (input[1] === 0xa2) {
          if (input[2] === 0x7e) throw new TypeError("the way out");
        }
      }
      return undefined;
    },
    seeds: [new Uint8Array(6)],
    maxBytes: 16,
  };
}
