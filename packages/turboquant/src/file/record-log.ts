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
  /** After a call of the file failed nobody knows what it holds: the next one to open it finds out. */
  const atRisk = async (act: () => Promise<void>): Promise<void> => {
    if (failed !== undefined)
      throw new TurboQuantError(
        "file-failed",
        "an earlier write to the file failed",
        "Open it again: what was synced is there.",
        failed.why,
      );
    try {
      await act();
    } catch (why) {
      failed = { why };
      throw why;
    }
  };
  const put = async (content: RecordContent): Promise<void> => {
    const { identity, end, directory } = contents;
    const bytes = encodeRecord({ at: end, identity, durable, directory }, content);
    await atRisk(() => file.append(bytes));
    // The same way as when it is read: what is in memory cannot be something else than what is in the file.
    const head = decodeHead(bytes, end) as RecordHead;
    const ids = idsPart(head);
    applyRecord(contents, head, ids === undefined ? undefined : content.parts[ids]);
  };
  const settle = async (): Promise<void> => {
    if (durable === contents.end) return;
    await atRisk(() => file.sync());
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
