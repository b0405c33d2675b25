/** Which sealing suites an agent says it reads: in its signed record, so that nobody on the way can say it for the agent. */
import { type Bytes, u16At } from "../wire/bytes.ts";
import { SUITE_X25519_AES256GCM, SUITE_X25519_AES256GCM_MANY } from "../wire/envelope.ts";
import { type AgentRecord, RECORD_EXTENSIONS } from "../wire/identity.ts";
import type { Extension } from "../wire/shape.ts";

/** What this program reads besides suite 1, which everybody does. */
const OURS: Bytes = Uint8Array.of(0, SUITE_X25519_AES256GCM_MANY);

/** Those of a record, and what this program reads. */
export function withSuites(extensions: readonly Extension[]): readonly Extension[] {
  const others = extensions.filter(({ code }) => code !== RECORD_EXTENSIONS.suites);
  return [...others, { code: RECORD_EXTENSIONS.suites, bytes: OURS }].sort((a, b) => a.code - b.code);
}

/** Whether a record says what this program reads, and nothing else. */
export function saysSuites(record: AgentRecord): boolean {
  return suitesOf(record).length === 2 && suitesOf(record)[1] === SUITE_X25519_AES256GCM_MANY;
}

/** Suites in which mail to an agent may be sealed: every one of its instances may be the one that gets it. */
export function commonSuites(records: readonly AgentRecord[]): readonly number[] {
  const [first, ...others] = records.map(suitesOf);
  return first?.filter((suite) => others.every((each) => each.includes(suite))) ?? [];
}

function suitesOf({ extensions }: AgentRecord): readonly number[] {
  const bytes = extensions.find(({ code }) => code === RECORD_EXTENSIONS.suites)?.bytes;
  const suites = [SUITE_X25519_AES256GCM];
  for (let at = 0; bytes !== undefined && at + 1 < bytes.length; at += 2) suites.push(u16At(bytes, at));
  return suites;
}
