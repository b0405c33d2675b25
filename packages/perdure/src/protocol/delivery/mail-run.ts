/** Messages of one mailbox in their order whose records lie one behind the other in a file: read at once, and in numbers rather than objects. */

/** Bytes of a file that a run may reach over: few and large reads, each of whose messages fit one transport message ... */
export const RUN_BYTES: number = 480 * 1024;
/** ... and of those between two of its records, which others have. */
const GAP_BYTES = 4 * 1024;

export class MailRun {
  segment = 0;
  /** bound: RUN_BYTES */
  readonly positions: number[] = [];
  readonly storedAtMs: number[] = [];
  /** Where the payload of each record begins in the segment, and how long it is. */
  readonly offsets: number[] = [];
  readonly lengths: number[] = [];
  #end = 0;

  get size(): number {
    return this.positions.length;
  }

  /** False where that record lies elsewhere, or too far on. */
  add(position: number, storedAtMs: number, segment: number, offset: number, length: number): boolean {
    const first = this.offsets[0];
    if (first === undefined) this.segment = segment;
    else if (segment !== this.segment || offset < this.#end || offset > this.#end + GAP_BYTES || offset + length > first + RUN_BYTES)
      return false;
    this.positions.push(position);
    this.storedAtMs.push(storedAtMs);
    this.offsets.push(offset);
    this.lengths.push(length);
    this.#end = offset + length;
    return true;
  }
}
