/**
 * Bodies are kept until their call was answered: one that waits in line and one that was refused are sent later, and as often as needed. So each has a limit, and all
 * together have one.
 */
export interface BodyLimits {
  readonly mostBytes: number;
  /** Of all that are kept at a time. */
  readonly mostKeptBytes: number;
}

export type Kept =
  | { readonly kind: "kept"; readonly bytes: Uint8Array; forget(): void }
  /** One is too large, or all together are. */
  | { readonly kind: "too-large" }
  | { readonly kind: "too-much" };

export interface BodyKeeper {
  readonly keptBytes: number;
  /** Throws what `pieces` throws. `declared`: what the request says of its length. */
  keep(pieces: AsyncIterable<Uint8Array>, declared: number | undefined): Promise<Kept>;
}

export function createBodyKeeper({ mostBytes, mostKeptBytes }: BodyLimits): BodyKeeper {
  let kept = 0;
  return {
    get keptBytes() {
      return kept;
    },
    keep: async (pieces, declared) => {
      if (declared !== undefined && declared > mostBytes) return { kind: "too-large" };
      const come: Uint8Array[] = [];
      let sizeBytes = 0;
      let isKept = false;
      const forget = (): void => {
        kept -= sizeBytes;
        sizeBytes = 0;
      };
      try {
        for await (const piece of pieces) {
          sizeBytes += piece.length;
          kept += piece.length;
          if (sizeBytes > mostBytes) return { kind: "too-large" };
          if (kept > mostKeptBytes) return { kind: "too-much" };
          come.push(piece);
        }
        isKept = true;
        return { kind: "kept", bytes: joined(come, sizeBytes), forget };
      } finally {
        if (!isKept) forget();
      }
    },
  };
}

function joined(pieces: readonly Uint8Array[], sizeBytes: number): Uint8Array {
  const [only] = pieces;
  if (pieces.length === 1 && only !== undefined) return only;
  const whole = new Uint8Array(sizeBytes);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
