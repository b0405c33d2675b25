/** The bytes of one file, whoever keeps it: a disk under Node, a person's choice in a browser. */
export interface ByteSource {
  readonly name: string;
  readonly size: number;
  /** All bytes from `from` on, in order and in pieces of any length. */
  read(from: number): AsyncIterable<Uint8Array>;
}

/** The first bytes, `count` of them or fewer where the file ends before. */
export async function firstBytes(source: ByteSource, count: number): Promise<Uint8Array> {
  const found = new Uint8Array(Math.min(count, source.size));
  let filled = 0;
  for await (const chunk of source.read(0)) {
    const piece = chunk.subarray(0, found.length - filled);
    found.set(piece, filled);
    filled += piece.length;
    if (filled === found.length) break;
  }
  return found.subarray(0, filled);
}
