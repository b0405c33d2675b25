/** `perdure verify`: what an evidence file proves, judged by the file alone. No folder, no network. */
import { open } from "node:fs/promises";
import { type EvidenceReport, type Finding, type Party, verifyEvidence } from "../../protocol/evidence/verify-evidence.ts";
import { isPerdureError, PerdureError } from "../../wire/error.ts";
import { MAX_EVIDENCE_BYTES } from "../../wire/evidence.ts";
import { MAX_CONTROL_BYTES } from "../../wire/limits.ts";
import { safeLine } from "../foreign-text.ts";
import type { Verb } from "../invocation.ts";
import type { Paint } from "../paint.ts";
import { countText, dateText } from "../quantity.ts";
import { shortId, stateText } from "../trail.ts";
import type { CommonOptions } from "../words.ts";

export function verifyVerb(path: string, _options: CommonOptions): Verb {
  return async ({ host, terminal }) => {
    const report = await verifyEvidence(host.crypto, await readFile(path)).catch((error: unknown) => {
      throw isPerdureError(error) && error.code === "malformed" ? noEvidence(path, error) : error;
    });
    terminal.object({ type: "evidence", ...report });
    const { paint } = terminal.stdout;
    terminal.line(`${paint.strong("message")}  ${report.id}`);
    terminal.line(`from     ${partyText(report, report.from)}`);
    terminal.line(
      `to       ${report.to === undefined ? `@${safeLine(report.toName, 60)}, never found out` : partyText(report, report.to)}`,
    );
    for (const digest of report.digests) terminal.line(`digest   ${digest}`);
    terminal.line(
      `         ${report.boundBy === undefined ? "that this is the digest of that message is the sender's word" : `the digest of that message, as ${partyText(report, report.boundBy)} signed`}`,
    );
    terminal.line("");
    for (const step of report.steps) terminal.line(stepLine(report, step, paint));
    for (const { relay, why, verdict } of report.conflicts)
      terminal.line(`${verdictText(verdict, paint)}  ${relay === undefined ? "a relay" : shortId(relay)} lies: ${safeLine(why)}`);
    const count = (verdict: Finding["verdict"]): number => report.steps.filter((step) => step.verdict === verdict).length;
    terminal.line("");
    terminal.line(
      `${count("proven")} of ${countText(report.steps.length, "step")} proven${count("claimed") === 0 ? "" : `; claimed: nobody but the sender says so (${count("claimed")})`}`,
    );
    if (!report.proven) throw new PerdureError("not-proven", "something in the file is said to be proven and is not");
    return 0;
  };
}

function stepLine(report: EvidenceReport, step: Finding, paint: Paint): string {
  const who = step.by === "self" ? "sender" : step.by === report.to ? "recipient" : "relay";
  return `${verdictText(step.verdict, paint)}  ${paint.faint(dateText(step.atMs))}  ${who.padEnd(9)}  ${stateText(step.state, paint)}${" ".repeat(Math.max(0, 9 - step.state.length))}${safeLine(step.why, 200)}${who === "relay" ? `  ${paint.faint(shortId(step.by))}` : ""}`;
}

function verdictText(verdict: Finding["verdict"], paint: Paint): string {
  const text = verdict.padEnd(10);
  return verdict === "proven" ? paint.good(text) : verdict === "claimed" ? paint.faint(text) : paint.bad(text);
}

/** The whole id, and what the party's own record calls it. */
function partyText({ parties }: EvidenceReport, id: string): string {
  const party: Party | undefined = parties.find((each) => each.id === id);
  return party?.name === undefined ? id : `${id} (calls itself @${safeLine(party.name, 33)})`;
}

/** What a decoder dislikes tells a person nothing. */
function noEvidence(path: string, cause: PerdureError): PerdureError {
  return new PerdureError("malformed", `${path} is no file of evidence, or not all of one (${cause.message})`, {
    hint: "Ask for it again; `perdure trace <id> --export <file>` writes one.",
    cause,
  });
}

async function readFile(path: string): Promise<Uint8Array> {
  const limit = MAX_EVIDENCE_BYTES + MAX_CONTROL_BYTES;
  const file = await open(path, "r").catch((cause: unknown) => {
    throw new PerdureError("not-found", `${path} cannot be read`, { cause });
  });
  try {
    const found = await file.stat();
    if (found.isDirectory())
      throw new PerdureError("not-found", `${path} is a folder`, { hint: "Name the file that `perdure trace --export` wrote." });
    const { size } = found;
    if (size > limit) throw new PerdureError("too-large", `${path} has ${size} bytes; an evidence file has at most ${limit}`);
    return new Uint8Array(await file.readFile());
  } finally {
    await file.close();
  }
}
