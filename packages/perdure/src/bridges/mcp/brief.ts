/**
 * The inbox as a model reads it first: who waits, for how long still, the beginning of each message; never more than a
 * budget of tokens.
 *
 * Messages are grouped by sender and thread; the group with the nearest deadline comes first, in it the oldest message. No
 * sender takes the place of others: the sixth of one comes after the first five of everybody. Of messages of one sender with one
 * collapse key only the newest stands here, and names the ones it makes stale. What does not fit is counted, never left out in
 * silence.
 */
import type { Mail } from "../../agent/api.ts";
import { authorOf } from "./content.ts";
import { type Foreign, foreignNotice, whoText } from "./foreign-block.ts";
import { isoText, momentText, sizeText } from "./moment-text.ts";
import { mostWithin } from "./token-estimate.ts";
import { quotedLine } from "./visible-text.ts";

/** Ids of stale messages that are named; more are counted. */
const STALE_NAMED = 5;
/** Messages of one sender that stand together before others have their turn. */
const IN_A_TURN = 5;

export interface BriefMail {
  readonly mail: Mail;
  /** One line, or `undefined` when the content is not text. */
  readonly preview: string | undefined;
}

export interface BriefEntry extends BriefMail {
  /** Older messages with the same sender and collapse key. */
  readonly stale: readonly Mail[];
}

export interface BriefOptions {
  readonly entries: readonly BriefEntry[];
  /** Messages in the box that were not even looked at. */
  readonly unseen: number;
  readonly box: string;
  readonly budget: number;
  readonly nowMs: number;
  readonly foreign: Foreign;
  /** Lines about the state of things, before and after the list. */
  readonly before: readonly string[];
  readonly after: readonly string[];
}

export interface BriefMessage {
  readonly id: string;
  readonly inReplyTo?: string;
  readonly expiresAt: string;
  readonly automatic?: true;
  /** Absent for plain text. */
  readonly contentType?: string;
  readonly sizeBytes: number;
  readonly preview?: string;
  readonly stale?: readonly string[];
}

export interface BriefGroup {
  readonly from: string;
  readonly who: string;
  readonly thread: string;
  readonly messages: readonly BriefMessage[];
}

export interface Brief {
  readonly text: string;
  readonly data: { readonly notice: string; readonly waiting: number; readonly leftOut: number; readonly groups: readonly BriefGroup[] };
}

/** Stale messages behind their newest, then groups by deadline. */
export function ordered(mails: readonly Mail[]): readonly { readonly mail: Mail; readonly stale: readonly Mail[] }[] {
  const newest = new Map<string, Mail[]>();
  const alone: Mail[][] = [];
  for (const mail of mails) {
    if (mail.collapseKey === undefined) {
      alone.push([mail]);
      continue;
    }
    const key = JSON.stringify([mail.from, mail.collapseKey]);
    newest.set(key, [...(newest.get(key) ?? []), mail]);
  }
  const entries = [...alone, ...newest.values()].map((same) => {
    const [mail, ...stale] = same.toSorted((a, b) => b.sentAtMs - a.sentAtMs || b.receivedAtMs - a.receivedAtMs) as [Mail, ...Mail[]];
    return { mail, stale };
  });
  const deadlines = new Map<string, number>();
  for (const { mail } of entries)
    deadlines.set(groupOf(mail), Math.min(deadlines.get(groupOf(mail)) ?? Number.POSITIVE_INFINITY, mail.expiresAtMs));
  const deadline = (mail: Mail): number => deadlines.get(groupOf(mail)) ?? 0;
  const byDeadline = entries.toSorted(
    (a, b) =>
      deadline(a.mail) - deadline(b.mail) ||
      compare(groupOf(a.mail), groupOf(b.mail)) ||
      a.mail.receivedAtMs - b.mail.receivedAtMs ||
      compare(a.mail.id, b.mail.id),
  );
  const placed = new Map<string, number>();
  const inTurns = byDeadline.map((entry) => {
    const before = placed.get(entry.mail.from) ?? 0;
    placed.set(entry.mail.from, before + 1);
    return { entry, turn: Math.floor(before / IN_A_TURN) };
  });
  return inTurns.toSorted((a, b) => a.turn - b.turn).map(({ entry }) => entry);
}

/** Both forms stay within the budget, which must leave room for the lines before and after. */
export function briefOf(options: BriefOptions): Brief {
  const { entries, unseen, foreign, budget } = options;
  const waiting = entries.reduce((sum, { stale }) => sum + 1 + stale.length, 0) + unseen;
  const dataOf = (count: number): Brief["data"] => ({
    notice: foreignNotice(foreign.nonce),
    waiting,
    leftOut: entries.length - count + unseen,
    groups: groupsOf(entries.slice(0, count), foreign),
  });
  const count = mostWithin(entries.length, budget, (items) => [textOf(options, items, waiting), JSON.stringify(dataOf(items))]);
  return { text: textOf(options, count, waiting), data: dataOf(count) };
}

function textOf({ entries, unseen, box, budget, nowMs, foreign, before, after }: BriefOptions, count: number, waiting: number): string {
  const lines = [...before, waiting === 0 ? `No mail waits in ${box}.` : `${waiting} waiting in ${box}, nearest deadline first.`];
  if (count > 0) lines.push(foreignNotice(foreign.nonce));
  let group = "";
  for (const entry of entries.slice(0, count)) {
    const { mail } = entry;
    if (groupOf(mail) !== group) lines.push("", `From ${mail.from} (${whoText(authorOf(mail))}), thread ${mail.thread}:`);
    group = groupOf(mail);
    lines.push(`- ${entryLine(entry, nowMs)}`, `  ${shownPreview(entry, foreign) ?? "(not text)"}`);
    if (entry.stale.length > 0) lines.push(`  makes stale: ${staleText(entry.stale)}`);
  }
  const left = entries.length - count + unseen;
  if (left > 0) {
    lines.push(
      "",
      `${left} more left out to stay within ${budget} tokens: ask again with a larger maxTokens, or with from or thread. They stay where they are.`,
    );
  }
  return [...lines, ...after].join("\n");
}

function entryLine({ mail }: BriefEntry, nowMs: number): string {
  return [
    mail.id,
    mail.inReplyTo === undefined ? "" : `answers ${mail.inReplyTo}`,
    `received ${momentText(mail.receivedAtMs, nowMs)}`,
    `expires ${momentText(mail.expiresAtMs, nowMs)}`,
    mail.auto ? "automatic" : "",
    `${isPlain(mail) ? "" : `${quotedLine(mail.contentType, 60)}, `}${sizeText(mail.sizeBytes)}`,
    mail.fileName === undefined ? "" : `file ${quotedLine(mail.fileName, 60)}`,
  ]
    .filter((part) => part !== "")
    .join("; ");
}

function groupsOf(entries: readonly BriefEntry[], foreign: Foreign): readonly BriefGroup[] {
  const groups: (BriefGroup & { readonly messages: BriefMessage[] })[] = [];
  let key = "";
  for (const entry of entries) {
    const { mail } = entry;
    if (groupOf(mail) !== key) groups.push({ from: mail.from, who: whoText(authorOf(mail)), thread: mail.thread, messages: [] });
    key = groupOf(mail);
    groups.at(-1)?.messages.push(messageOf(entry, foreign));
  }
  return groups;
}

function messageOf(entry: BriefEntry, foreign: Foreign): BriefMessage {
  const { mail, stale } = entry;
  const preview = shownPreview(entry, foreign);
  return {
    id: mail.id,
    ...(mail.inReplyTo === undefined ? {} : { inReplyTo: mail.inReplyTo }),
    expiresAt: isoText(mail.expiresAtMs),
    ...(mail.auto ? { automatic: true } : {}),
    ...(isPlain(mail) ? {} : { contentType: quotedLine(mail.contentType, 60) }),
    sizeBytes: mail.sizeBytes,
    ...(preview === undefined ? {} : { preview }),
    ...(stale.length === 0 ? {} : { stale: stale.slice(0, STALE_NAMED).map(({ id }) => id) }),
  };
}

function isPlain({ contentType }: Mail): boolean {
  return /^text\/plain(?:; charset=utf-8)?$/.test(contentType);
}

function shownPreview({ preview }: BriefMail, foreign: Foreign): string | undefined {
  return preview === undefined ? undefined : foreign.inline(preview);
}

function staleText(stale: readonly Mail[]): string {
  const named = stale.slice(0, STALE_NAMED).map(({ id }) => id);
  return stale.length > named.length ? `${named.join(", ")} and ${stale.length - named.length} more` : named.join(", ");
}

function groupOf(mail: Mail): string {
  return `${mail.from} ${mail.thread}`;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
