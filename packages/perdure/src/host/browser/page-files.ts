/**
 * Recovery pages for a page of a browser. What has to be kept away from an agent's machine must not lie in the storage of its
 * origin: paths that begin with `page:` are shown to a person, or asked of one, and kept in memory only while they are read back.
 */
import { EMPTY, fromUtf8, utf8 } from "../../wire/bytes.ts";
import { PerdureError } from "../../wire/error.ts";
import type { Files, OpenFile } from "../files.ts";

export const PAGE_PREFIX = "page:";

export interface RecoveryPages {
  /** Shows a page to a person; resolves once it is kept somewhere else. Until then nothing counts that needs it. */
  show(path: string, text: string): Promise<void>;
  /** The text of a page that a person has, or `undefined` when there is none of that name. */
  read(path: string): Promise<string | undefined>;
}

/** `files` for everything below `folder`, `pages` for pages, and `bad-argument` for what would lie anywhere else. */
export function withRecoveryPages(files: Files, folder: string, pages: RecoveryPages | undefined): Files {
  const written = new Map<string, Uint8Array>();
  const isPage = (path: string): boolean => {
    if (path.startsWith(`${folder}/`)) return false;
    if (path.startsWith(PAGE_PREFIX) && pages !== undefined) return true;
    throw new PerdureError("bad-argument", `in a browser ${path} would lie beside the keys of daily work`, {
      hint: 'Give openAgent `recoveryPages`, and name recovery files "page:…": they are shown to a person and stored nowhere.',
    });
  };
  /** What was shown reads back once; after that it is asked of the person who has it. */
  const read = async (path: string): Promise<Uint8Array> => {
    const here = written.get(path);
    written.delete(path);
    const text = here === undefined ? await pages?.read(path) : undefined;
    if (here === undefined && text === undefined) throw new PerdureError("not-found", `nobody has a page ${path}`);
    return here ?? utf8(text ?? "");
  };

  return {
    open: async (path, mode) => {
      if (!isPage(path)) return await files.open(path, mode);
      return mode === "read" ? pageFile(await read(path), () => {}) : pageFile(EMPTY, (content) => written.set(path, content));
    },
    list: (within) => files.list(within),
    rename: async (from, to) => {
      if (!isPage(to)) return await files.rename(from, to);
      const content = written.get(from);
      if (content === undefined) throw new PerdureError("not-found", `there is no page ${from}`);
      await pages?.show(to, fromUtf8(content));
      written.delete(from);
      written.set(to, content);
    },
    remove: async (path) => {
      if (!isPage(path)) return await files.remove(path);
      written.delete(path);
    },
    lock: (within) => files.lock(within),
  };
}

/** `keep`: takes what a sync makes durable. */
function pageFile(first: Uint8Array, keep: (content: Uint8Array) => void): OpenFile {
  let content = first;
  return {
    size: async () => content.length,
    read: async (offset, length) => content.slice(offset, offset + length),
    write: async (offset, bytes) => {
      const grown = new Uint8Array(Math.max(content.length, offset + bytes.length));
      grown.set(content);
      grown.set(bytes, offset);
      content = grown;
    },
    sync: async () => keep(content),
    close: async () => {},
  };
}
