/** `perdure relay verify`: whether a relay's folder is as it was written, read without changing anything. */
import { askRelay } from "../../relay/owner-socket.ts";
import { type FolderProblem, type FolderReport, verifyFolder } from "../../relay/verify-folder.ts";
import { isPerdureError } from "../../wire/error.ts";
import { relayFolder } from "../folder.ts";
import { safeLine } from "../foreign-text.ts";
import type { Invocation, Verb } from "../invocation.ts";
import { countText, durationText, numberText, sizeText } from "../quantity.ts";
import type { Terminal } from "../terminal.ts";
import type { RelayFolderWords } from "../words.ts";

/** Problems printed one by one; --json has up to 1,000. */
const PRINTED = 20;

export function relayVerifyVerb(options: RelayFolderWords): Verb {
  return async (invocation) => {
    const { terminal, host, environment } = invocation;
    const folder = relayFolder(options.folder, environment);
    const isRunning = await runsIn(invocation, folder);
    const progress = (records: number): void => terminal.progress(`${numberText(records)} records read`);
    const report = await verifyFolder({ host, folder, isRunning, progress });
    terminal.object({ type: "verified", folder, running: isRunning, ok: report.problems.length === 0, ...report });
    printReport(terminal, folder, isRunning, report, host.clock.wallMs());
    return report.problems.length === 0 ? 0 : 1;
  };
}

/** Whether a relay answers at the socket of the folder. */
async function runsIn({ host, signal }: Invocation, folder: string): Promise<boolean> {
  try {
    await askRelay(host, folder, { name: "page" }, signal);
    return true;
  } catch (error) {
    if (isPerdureError(error) && error.code === "relay-unreachable") return false;
    throw error;
  }
}

export function printReport(terminal: Terminal, folder: string, isRunning: boolean, report: FolderReport, nowMs: number): void {
  const { good, bad } = terminal.stdout.paint;
  const { problems, oldestWaitingSinceMs: oldest } = report;
  const less = problems.every(({ lostRecords }) => lostRecords === 0) ? "and lacks nothing" : "without what cannot be read";
  const verdict = report.opens ? `damaged: a relay starts on it, ${less}` : "a relay does not start on it";
  terminal.line(problems.length === 0 ? good("as it was written") : bad(verdict));
  terminal.line(`folder       ${folder}${isRunning ? ", where a relay runs" : ""}`);
  if (report.id !== undefined) terminal.line(`relay        ${report.id}`);
  terminal.line(`log          ${countText(report.segments, "file")}, ${sizeText(report.bytes)}, ${countText(report.records, "record")}`);
  terminal.line(`agents       ${numberText(report.agents)}; other relays ${numberText(report.peers)}`);
  const since = oldest === undefined ? "" : `, the oldest for ${durationText(Math.max(0, nowMs - oldest))}`;
  terminal.line(`waiting      ${countText(report.waitingMessages, "message")}, ${sizeText(report.waitingBytes)}${since}`);
  if (report.lostMessages > 0) terminal.line(bad(`lost         at most ${countText(report.lostMessages, "message")}`));
  if (report.statements > 0) terminal.line(`statements   ${numberText(report.statements)} still in the log`);
  for (const problem of problems.slice(0, PRINTED)) terminal.line(`${bad("problem")}      ${problemText(problem)}`);
  if (problems.length > PRINTED) terminal.line(`             and ${numberText(problems.length - PRINTED)} more`);
}

function problemText({ path, from, to, what, lostRecords }: FolderProblem): string {
  const bytes = from === undefined ? "" : ` bytes ${from} to ${to}`;
  const where = path === undefined ? "" : `${path}${bytes}: `;
  const lost = lostRecords === undefined || lostRecords === 0 ? "" : `; ${countText(lostRecords, "record")} cannot be read`;
  return `${where}${safeLine(what, 400)}${lost}`;
}
