/** What came of an unattended trial, and whether every promise held. */
import { safeLine } from "../foreign-text.ts";
import type { Paint } from "../paint.ts";
import { clockText, countText, durationText, numberText, sizeText } from "../quantity.ts";

export interface RelayDeath {
  readonly relay: string;
  readonly pid: number;
  readonly atMs: number;
  /** Where on the message's way it was, for people. */
  readonly moment: string;
  /** The process that went on from its folder. */
  readonly nextPid: number | undefined;
}

export interface TrialReport {
  readonly name: string;
  readonly bytes: number;
  readonly parts: number;
  readonly sha256In: string;
  /** Of the bytes `@desk` wrote; `undefined` when it never got them. */
  readonly sha256Out: string | undefined;
  /** Times `@desk`'s handler ran to its end for this message. */
  readonly handled: number;
  /** 0 when the recipient's signed receipt says done. */
  readonly lost: number;
  /** In the order of their deaths. */
  readonly killed: readonly RelayDeath[];
  readonly deskPids: readonly number[];
  /** Longest time between two things that moved: a part acknowledged, a connection, a step, a process. */
  readonly longestGapMs: number;
  readonly longestGapAfter: string;
  readonly totalMs: number;
  /** Why the trial ended early, if it did. */
  readonly trouble: string | undefined;
}

/** Both relays are killed once. */
const RELAYS = 2;

export function reportHolds(report: TrialReport): boolean {
  return (
    report.sha256Out === report.sha256In &&
    report.handled === 1 &&
    report.lost === 0 &&
    report.killed.length === RELAYS &&
    report.killed.every(({ nextPid }) => nextPid !== undefined) &&
    report.trouble === undefined
  );
}

export function reportObject(report: TrialReport): object {
  return { type: "report", ok: reportHolds(report), ...report };
}

export function reportLines(report: TrialReport, paint: Paint): readonly string[] {
  const row = (label: string, text: string, holds?: boolean): string =>
    `${paint.faint(label.padEnd(13))}${holds === undefined ? text : holds ? paint.good(text) : paint.bad(text)}`;
  const same = report.sha256Out === report.sha256In;
  const lines = [
    row(
      "sent",
      `${report.name}, ${sizeText(report.bytes)}${report.bytes >= 1024 ? ` (${numberText(report.bytes)} bytes)` : ""} in ${countText(report.parts, "part")}`,
    ),
    row("sha256 in", report.sha256In),
    row("sha256 out", report.sha256Out ?? "nothing came out", same),
    row("", same ? "equal" : "NOT equal", same),
    row("handled", String(report.handled), report.handled === 1),
    row("lost", String(report.lost), report.lost === 0),
    ...killedRows(report, row),
    row("longest gap", `${durationText(report.longestGapMs)} in which nothing moved between sending and done,`),
    row("", `after "${safeLine(report.longestGapAfter, 60)}"`),
    row("total", durationText(report.totalMs)),
  ];
  if (report.trouble !== undefined) lines.push(row("trouble", report.trouble, false));
  return lines;
}

function killedRows({ killed }: TrialReport, row: (label: string, text: string, holds?: boolean) => string): readonly string[] {
  if (killed.length === 0) return [row("relays", "none was killed", false)];
  return killed.flatMap(({ relay, pid, atMs, moment, nextPid }) => [
    row(relay, `process ${pid} killed (SIGKILL) at ${clockText(atMs)}`, true),
    row("", moment),
    nextPid === undefined ? row("", "it did not start again", false) : row("", `process ${nextPid} went on from its folder, on its port`),
  ]);
}
