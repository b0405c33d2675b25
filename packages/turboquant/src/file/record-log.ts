/** The end of a file that records are put to. */
import { TurboQuantError } from "../error.ts";
import { applyRecord, type Contents, idsPart } from "./contents.ts";
import { ENTRY_BYTES, encodeEntries, encodeRemoved } from "./directory.ts";
import type { IndexFile } from "./index-file.ts";
import { decodeHead, encodeFoot, encodeRecord, HEAD_BYTES, type RecordContent, type RecordHead } from "./record.ts";

export interface RecordLog {
  readonly file: IndexFile;
  /** With all records that were put. */
  readonly contents: Contents;
  put(content: RecordContent): Promise<void>;
  /** Also writes a directory now and then. */
  sync(): Promise<void>;
  /** Ends the file with a directory. */
  close(): Promise<void>;
}

/** A sync writes a directory when so many times its size was written since the last: it adds an eighth at most, and much less where segments are full. */
const DIRECTORY_SHARE = 8;
/** ... and never for less than this: so much is looked through quickly without one. */
const LEAST_SINCE_DIRECTORY = 256 * 1024;

/** `contents`: all of the file, which is durable. */
export function createRecordLog(file: IndexFile, contents: Contents): RecordLog {
  let durable = contents.end;
  let failed: { readonly why: unknown } | undefined;
  const checkUsable = (): void => {
    if (failed === undefined) return;
    const hint = "Open it again: what was synced is there.";
    throw new TurboQuantError("file-failed", "an earlier write to the file failed", hint, failed.why);
  };
  /** What was written in part is cut off, so that nothing has happened: on a full disk that can be done. Where it cannot, nobody knows what the file holds. */
  const append = async (bytes: Uint8Array): Promise<void> => {
    checkUsable();
    try {
      await file.append(bytes);
    } catch (why) {
      await file.truncate(contents.end).catch(() => {
        failed = { why };
      });
      throw why;
    }
  };
  /** After one failed nobody knows what is durable, and a second that succeeds says nothing of what the first was for: the next one to open the file finds out. */
  const sync = async (): Promise<void> => {
    checkUsable();
    try {
      await file.sync();
    } catch (why) {
      failed = { why };
      throw why;
    }
  };
  const put = async (content: RecordContent): Promise<void> => {
    const { identity, end, directory } = contents;
    const bytes = encodeRecord({ at: end, identity, durable, directory }, content);
    await append(bytes);
    // The same way as when it is read: what is in memory cannot be something else than what is in the file.
    const head = decodeHead(bytes, end) as RecordHead;
    const ids = idsPart(head);
    applyRecord(contents, head, ids === undefined ? undefined : content.parts[ids]);
  };
  const settle = async (): Promise<void> => {
    if (durable === contents.end) return;
    await sync();
    durable = contents.end;
  };
  const putDirectory = async (): Promise<void> => {
    await settle();
    await put(directoryOf(contents));
    await settle();
  };
  return {
    file,
    contents,
    put,
    sync: async () => {
      const since = contents.end - Math.max(contents.directoryEnd, HEAD_BYTES);
      if (since >= LEAST_SINCE_DIRECTORY && since >= DIRECTORY_SHARE * directoryBytes(contents)) await putDirectory();
      else await settle();
    },
    close: async () => {
      if (contents.directoryEnd === contents.end) await settle();
      else await putDirectory();
    },
  };
}

function directoryOf({ segments, removed, next, end, identity }: Contents): RecordContent {
  const lists = encodeRemoved(removed);
  return {
    kind: "directory",
    fields: (view) => {
      view.setUint32(0, segments.size, true);
      view.setUint32(4, next, true);
      view.setUint32(8, lists.count, true);
    },
    parts: [encodeEntries([...segments.values()]), lists.bytes, encodeFoot(end, identity)],
  };
}

/** About. */
function directoryBytes({ segments, removed }: Contents): number {
  return HEAD_BYTES + segments.size * ENTRY_BYTES + removed.size * 12;
}
