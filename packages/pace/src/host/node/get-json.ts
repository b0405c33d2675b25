/** What a program on this machine or near it tells as JSON. Throws what the network throws, `SyntaxError`, and `RangeError` where it is more than anybody wants to know. */
const MOST_BYTES = 8_000_000;
const LONGEST_MS = 5000;

export async function getJson(url: string, signal: AbortSignal): Promise<{ readonly status: number; readonly value: unknown }> {
  const answer = await fetch(url, { signal: AbortSignal.any([signal, AbortSignal.timeout(LONGEST_MS)]), redirect: "error" });
  const pieces: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const piece of answer.body ?? []) {
    sizeBytes += piece.length;
    if (sizeBytes > MOST_BYTES) throw new RangeError(`${url} says more than ${MOST_BYTES} bytes`);
    pieces.push(piece);
  }
  return { status: answer.status, value: JSON.parse(Buffer.concat(pieces).toString()) };
}
