/** Whole numbers of 64 bits that are places and counts here, so that they have to be safe integers. */

/** What is not safe comes back as something that is not safe either. */
export function getSafe(view: DataView, at: number): number {
  return view.getUint32(at + 4, true) * 2 ** 32 + view.getUint32(at, true);
}

export function putSafe(view: DataView, at: number, value: number): void {
  view.setUint32(at, value % 2 ** 32, true);
  view.setUint32(at + 4, Math.floor(value / 2 ** 32), true);
}
