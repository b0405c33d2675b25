/** Identity bundles this relay can show: its agents', its own, and those of relays it met. */
import type { OwnIdentity } from "../identity/own-identity.ts";
import type { Mailboxes } from "../protocol/delivery/mailboxes.ts";
import { type Bytes, EMPTY, equalBytes, fromUtf8 } from "../wire/bytes.ts";
import type { Lookup } from "../wire/control.ts";
import type { Answer } from "./peers/peer-lookups.ts";

export interface Directory {
  /** Whether a lookup `at` that relay is for this one. */
  isHere(at: Bytes): boolean;
  find(asked: Pick<Lookup, "what" | "key">): Answer;
}

export function createDirectory(own: Pick<OwnIdentity, "idRaw" | "bundle">, mailboxes: Pick<Mailboxes, "lookup" | "peer">): Directory {
  const bundleOf = ({ what, key }: Pick<Lookup, "what" | "key">): Bytes => {
    if (what === "name") {
      const name = readName(key);
      return (name === undefined ? undefined : mailboxes.lookup("name", name)?.bundle) ?? EMPTY;
    }
    if (equalBytes(key, own.idRaw)) return own.bundle();
    return mailboxes.lookup("agent", key)?.bundle ?? mailboxes.peer(key)?.bundle ?? EMPTY;
  };
  return {
    isHere: (at) => at.length === 0 || equalBytes(at, own.idRaw),
    find: (asked) => {
      const bundle = bundleOf(asked);
      return { bundle, code: bundle.length > 0 ? "" : "unknown-agent" };
    },
  };
}

function readName(key: Bytes): string | undefined {
  try {
    return fromUtf8(key);
  } catch {
    return undefined;
  }
}
