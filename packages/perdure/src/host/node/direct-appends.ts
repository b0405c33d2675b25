/**
 * Writes that go from memory to the disk without a copy in the system's cache, and are durable when they end (O_DIRECT and O_DSYNC of
 * Linux). The system takes only whole blocks, from memory that begins where one of its pages does: what is written goes through such a
 * piece of memory, with the bytes before it in its first block in front, and zeroes behind.
 */
import { constants, write as writeTo } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { open } from "node:fs/promises";
import { FILE_BLOCK_BYTES } from "../files.ts";
import { hasSystemCode } from "./file-error.ts";

export interface DirectAppends {
  /** Writes all of `bytes`; false, and nothing was written, when this file system does not take such writes; `undefined` where that is known. */
  write(offset: number, bytes: Uint8Array): Promise<boolean> | undefined;
  close(): Promise<void>;
}

/** Bytes written at once. */
const PIECE_BYTES = 1024 * 1024;

/** `before` reads bytes of the file otherwise. `undefined` where such writes cannot be made: the file is to be written otherwise. */
export async function openDirectAppends(
  path: string,
  before: (offset: number, length: number) => Promise<Uint8Array>,
): Promise<DirectAppends | undefined> {
  if (process.platform !== "linux") return undefined;
  let handle: FileHandle;
  try {
    handle = await open(path, constants.O_WRONLY | constants.O_DIRECT | constants.O_DSYNC);
  } catch (error) {
    if (hasSystemCode(error, "EINVAL", "EOPNOTSUPP", "ENOTSUP")) return undefined;
    throw error;
  }
  // Memory that may grow lies on pages of its own; one that does not is refused by the first write.
  const piece = new Uint8Array(new ArrayBuffer(PIECE_BYTES, { maxByteLength: PIECE_BYTES }));
  /** The block written last, as far as it is filled: what comes next begins in it. */
  const last = { start: -1, bytes: new Uint8Array(FILE_BLOCK_BYTES), filled: 0 };
  let isRefused = false;

  const isLast = (start: number, length: number): boolean => last.start === start && last.filled >= length;

  const putBefore = async (start: number, length: number): Promise<void> => {
    const found = await before(start, length);
    piece.fill(0, found.length, length);
    piece.set(found);
  };

  // A handle's own write makes three promises. It would also wait with closing until this has ended, which is for `close` then.
  const writeWhole = (start: number, length: number): Promise<void> =>
    new Promise((resolve, reject) => {
      let written = 0;
      const next = (): void => writeTo(handle.fd, piece, written, length - written, start + written, noted);
      const noted = (error: Error | null, bytesWritten: number): void => {
        if (error !== null) return reject(error);
        // What is left must begin with a block again, and less than one is no step forward.
        if (bytesWritten < FILE_BLOCK_BYTES) return reject(Object.assign(new Error("less than a block was written"), { code: "EIO" }));
        written += bytesWritten - (bytesWritten % FILE_BLOCK_BYTES);
        if (written < length) next();
        else resolve();
      };
      next();
    });

  const write = async (offset: number, bytes: Uint8Array): Promise<boolean> => {
    for (let done = 0; done < bytes.length; ) {
      const start = offset + done - ((offset + done) % FILE_BLOCK_BYTES);
      const head = offset + done - start;
      if (head > 0 && isLast(start, head)) piece.set(last.bytes.subarray(0, head));
      else if (head > 0) await putBefore(start, head);
      const part = bytes.subarray(done, done + PIECE_BYTES - head);
      piece.set(part, head);
      const filled = head + part.length;
      const whole = Math.ceil(filled / FILE_BLOCK_BYTES) * FILE_BLOCK_BYTES;
      piece.fill(0, filled, whole);
      // Until it is written nobody knows what the block holds.
      last.start = -1;
      try {
        await writeWhole(start, whole);
      } catch (error) {
        isRefused = done === 0 && hasSystemCode(error, "EINVAL");
        if (isRefused) return false;
        throw error;
      }
      const lastBlock = whole - FILE_BLOCK_BYTES;
      last.bytes.set(piece.subarray(lastBlock, whole));
      last.start = start + lastBlock;
      last.filled = filled - lastBlock;
      done += part.length;
    }
    return true;
  };

  /** Writes that are not over. */
  let begun = 0;
  let turn: Promise<unknown> = Promise.resolve();
  return {
    write: (offset, bytes) => {
      if (isRefused) return undefined;
      // With none before it the system has it when this returns: a disk takes longer than whatever else this turn has to do.
      const mine = begun === 0 ? write(offset, bytes) : turn.then(() => write(offset, bytes));
      begun++;
      const over = (): void => void begun--;
      turn = mine.then(over, over);
      return mine;
    },
    // A number of a file that is closed may be another's at once.
    close: () => turn.then(() => handle.close()),
  };
}
