/**
 * Whether messages of several parts are, as a whole, what their heads name. A receipt vouches for the first part's digest
 * and so for the hash of the whole: without this check a sender could have one content acknowledged and show another.
 */
import type { Hash } from "../host/crypto.ts";
import type { Inbox } from "../protocol/delivery/inbox.ts";
import { incomingKey } from "../protocol/delivery/incoming.ts";
import { type Bytes, concat, equalBytes } from "../wire/bytes.ts";
import type { PayloadAt } from "../wire/kept-agent.ts";
import type { SealedHead } from "../wire/sealed.ts";

export interface ArrivedPart {
  readonly from: Bytes;
  readonly stream: Bytes;
  readonly seq: number;
  readonly head: SealedHead;
  readonly content: Bytes;
}

export interface WholeContentOptions {
  readonly hash: Hash;
  readonly inbox: Pick<Inbox, "find">;
  readonly read: (at: PayloadAt) => Promise<Bytes>;
}

/** Those of the arrived parts that would make their message whole with a content other than the one it names. */
export async function findUntrue(arrived: readonly ArrivedPart[], options: WholeContentOptions): Promise<ReadonlySet<ArrivedPart>> {
  const byMessage = new Map<string, ArrivedPart[]>();
  for (const part of arrived) {
    if (part.head.parts === 1) continue;
    const key = incomingKey(part.from, part.stream, part.seq - part.head.part);
    const known = byMessage.get(key);
    if (known === undefined) byMessage.set(key, [part]);
    else known.push(part);
  }
  const untrue = new Set<ArrivedPart>();
  for (const [key, parts] of byMessage) if (!(await isTrue(key, parts, options))) for (const part of parts) untrue.add(part);
  return untrue;
}

/** Also true while something is missing: then what comes last is judged. */
async function isTrue(key: string, arrived: readonly ArrivedPart[], { hash, inbox, read }: WholeContentOptions): Promise<boolean> {
  const { parts, wholeHash } = (arrived[0] as ArrivedPart).head;
  const have = inbox.find(key)?.have;
  const sources: (Bytes | PayloadAt)[] = [];
  for (let part = 0; part < parts; part++) {
    const source = have?.get(part)?.at ?? arrived.find((each) => each.head.part === part)?.content;
    if (source === undefined) return true;
    sources.push(source);
  }
  const contents: Bytes[] = [];
  for (const source of sources) contents.push(source instanceof Uint8Array ? source : await read(source));
  return equalBytes(hash.sha256(concat(...contents)), wholeHash);
}
