/** A QR code of half blocks: two modules in one letter, dark on light, so that it reads on any background. */
export async function qrLines(text: string): Promise<readonly string[]> {
  const { renderUnicodeCompact } = await import("uqr");
  return renderUnicodeCompact(text, { ecc: "L", border: 2 }).split("\n");
}
