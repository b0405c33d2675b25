/** `perdure incidents`: the ledger of a folder, read beside whoever runs there and written in the moment nobody else does. */
import { BUNDLE_CERTIFICATES } from "../../identity/bundle.ts";
import { readShown } from "../../identity/custody.ts";
import { lookAtIdentity } from "../../identity/own-identity.ts";
import { readIdentity } from "../../identity/verify.ts";
import { type Dividend, dividendOf } from "../../protocol/incidents/dividend.ts";
import { INCIDENT_TEXT, type Incident } from "../../protocol/incidents/incident.ts";
import type { OwnersEntry } from "../../protocol/incidents/incident-book.ts";
import { addToLedger, type LedgerReport, readLedger } from "../../protocol/incidents/ledger-file.ts";
import { hex } from "../../wire/bytes.ts";
import { PerdureError } from "../../wire/error.ts";
import { agentFolder, relayFolder } from "../folder.ts";
import { safeLine } from "../foreign-text.ts";
import { checkGuard } from "../guard-check.ts";
import { type Invocation, type Verb, withPassphrase } from "../invocation.ts";
import { countText, dateText, durationText } from "../quantity.ts";
import type { Terminal } from "../terminal.ts";
import type { IncidentWords } from "../words.ts";

interface Called {
  readonly invocation: Invocation;
  readonly options: IncidentWords;
  readonly folder: string;
  readonly id: string;
  /** What follows the id. */
  readonly command: readonly string[];
}

/** A test that takes longer is killed, unless its owner says otherwise. */
const GUARD_TIMEOUT_MS = 15 * 60_000;

export function incidentsVerb(action: string, words: readonly string[], options: IncidentWords): Verb {
  return async (invocation) => {
    const act = ACTIONS[action];
    if (act === undefined) throw new PerdureError("internal", `no verb incidents ${action}`);
    const { environment } = invocation;
    const folder = options.relay === true ? relayFolder(options.at, environment) : agentFolder(options.at, environment);
    return await act({ invocation, options, folder, id: words[0] ?? "", command: words.slice(1) });
  };
}

const ACTIONS: Readonly<Record<string, (called: Called) => Promise<number>>> = {
  list,
  show,
  report,
  verify,
  note: (called) => write(called, ({ cause = "", fix = "" }, id, atMs) => ({ what: "note", id, atMs, cause, fix })),
  reproduced: (called) => write(called, (options, id, atMs) => ({ what: "reproduced", id, atMs, by: options.with ?? "" })),
  guarded,
  close: (called) => write(called, (_, id, atMs) => ({ what: "closed", id, atMs })),
};

async function list({ invocation, folder }: Called): Promise<number> {
  const { terminal, host } = invocation;
  const found = await look(invocation, folder);
  const { book, damage } = found;
  const newest = book.incidents.toSorted((one, other) => other.lastMs - one.lastMs);
  for (const incident of newest) {
    terminal.object({ type: "incident", ...incident });
    const { paint } = terminal.stdout;
    const state = incident.state.padEnd(10);
    const age = durationText(Math.max(0, host.clock.wallMs() - incident.lastMs));
    terminal.line(
      `${paint.strong(incident.id)}  ${incident.state === "open" ? paint.bad(state) : paint.faint(state)}  ${countText(incident.count, "time").padEnd(9)}  ${age.padStart(8)} ago  ${safeLine(incident.kind)}: ${safeLine(incident.symptom, 120)}${againText(incident)}`,
    );
  }
  if (newest.length === 0) terminal.note(`nothing went wrong in ${folder}`);
  if (book.forgotten > 0) terminal.note(`${countText(book.forgotten, "incident")} gave way to newer ones`);
  if (damage !== undefined) terminal.trouble(`the ledger is not as it was written: ${safeLine(damage)}`);
  const foreign = await foreignSigners(invocation, folder, found);
  if (foreign.length > 0) terminal.trouble(foreignText(foreign));
  return 0;
}

function againText({ recurrences }: Incident): string {
  return recurrences === 0 ? "" : ` (came back ${countText(recurrences, "time")})`;
}

async function show({ invocation, folder, id }: Called): Promise<number> {
  const { book } = await look(invocation, folder);
  printIncident(invocation.terminal, book.find(id));
  return 0;
}

function printIncident(terminal: Terminal, incident: Incident): void {
  const { firstMs, settings } = incident;
  const after = (atMs: number): string =>
    atMs === 0 ? "not yet" : `${dateText(atMs)}, after ${durationText(Math.max(0, atMs - firstMs))}`;
  terminal.object({ type: "incident", ...incident });
  terminal.line(`${terminal.stdout.paint.strong(incident.id)}  ${incident.state}${againText(incident)}`);
  terminal.line(`${safeLine(incident.kind)}: ${safeLine(incident.symptom, 300)}`);
  terminal.line(`first       ${dateText(firstMs)}`);
  terminal.line(`last        ${dateText(incident.lastMs)}, ${countText(incident.count, "time")}, seen by ${incident.detectedBy}`);
  for (const [name, text, atMs] of [
    ["cause", incident.cause, incident.diagnosedAtMs],
    ["fix", incident.fix, incident.fixedAtMs],
    ["shown by", incident.reproduction, incident.reproducedAtMs],
    ["guard", incident.guard, incident.guardedAtMs],
  ] as const)
    terminal.line(`${name.padEnd(12)}${text === "" ? "" : `${safeLine(text, 2000)}  `}(${after(atMs)})`);
  if (incident.closedAtMs > 0) terminal.line(`closed      ${dateText(incident.closedAtMs)}`);
  for (const { name, value, unit, origin } of settings) terminal.line(`setting     ${safeLine(`${name} ${value} ${unit} (${origin})`)}`);
}

async function report({ invocation, folder }: Called): Promise<number> {
  const { terminal } = invocation;
  const dividend = dividendOf((await look(invocation, folder)).book.incidents);
  terminal.object({ type: "dividend", ...dividend });
  for (const line of dividendLines(dividend)) terminal.line(line);
  return 0;
}

function dividendLines(dividend: Dividend): readonly string[] {
  const { states, foundByUs, trend } = dividend;
  const time = (ms: number | undefined): string => (ms === undefined ? "none yet" : durationText(ms));
  return [
    `incidents    ${dividend.incidents}: ${Object.entries(states)
      .map(([state, count]) => `${count} ${state}`)
      .join(", ")}`,
    `came back    ${countText(dividend.recurrences, "time")} after a guard`,
    `found by us  ${foundByUs === undefined ? "-" : `${Math.round(100 * foundByUs)} %`}, before a user was hurt`,
    `to a cause   ${time(dividend.medianToDiagnosisMs)} (median, from first sight)`,
    `to a fix     ${time(dividend.medianToFixMs)}`,
    `to a guard   ${time(dividend.medianToGuardMs)}${trend === undefined ? "" : `; the older half ${time(trend.olderMs)}, the newer half ${time(trend.newerMs)}`}`,
  ];
}

async function verify({ invocation, folder }: Called): Promise<number> {
  const { terminal } = invocation;
  const found = await look(invocation, folder);
  const { lines, first, last, torn, signedBy } = found;
  const damage = found.damage === undefined ? undefined : safeLine(found.damage);
  const foreign = await foreignSigners(invocation, folder, found);
  const isOwn = foreign.length === 0;
  terminal.object({ type: "ledger", ok: damage === undefined && isOwn, lines, first, last, torn, signedBy, isOwn, foreign, damage });
  terminal.line(
    `${countText(lines, "line")}${lines === 0 ? "" : `, ${first} to ${last}`}${first > 1 ? ", the first restates all before it" : ""}`,
  );
  if (torn) terminal.line("behind them what is no whole line: its process ended while it wrote, or somebody changed the last one");
  if (damage !== undefined)
    throw new PerdureError("not-proven", `the ledger is not as it was written: ${damage}`, {
      hint: "What lies before that is right; the next entry puts the file aside as ledger.damaged.",
    });
  if (!isOwn)
    throw new PerdureError("not-proven", foreignText(foreign), {
      hint: "Somebody else wrote into it, whatever was added since; read it as his word.",
    });
  if (lines > 0) terminal.line(`signed by ${signedBy}, an instance of this identity`);
  return 0;
}

/**
 * Keys that signed lines and are of no instance this identity has or had, hexadecimal. Instances of before a rotation whose certificates
 * had to make place cannot be told from others: they are let pass where they were there before every one that is known.
 */
async function foreignSigners({ host }: Invocation, folder: string, { signers }: LedgerReport): Promise<readonly string[]> {
  const shown = await readShown(host.files, host.crypto.hash, folder);
  if (shown === undefined) return signers;
  const { certificates, log } = await readIdentity(host.crypto, shown.bundle, host.clock.wallMs());
  const own = new Set([...certificates, ...log.revoked].map(({ instanceKey }) => hex(instanceKey)));
  const hasForgotten = log.epochs.length > 1 && certificates.length >= BUNDLE_CERTIFICATES;
  const from = hasForgotten ? signers.findIndex((each) => own.has(each)) : 0;
  return signers.slice(Math.max(0, from)).filter((each) => !own.has(each));
}

function foreignText(keys: readonly string[]): string {
  return `lines of it are signed by ${keys.slice(0, 3).join(", ")}, which this identity does not certify`;
}

/** One entry of the owner, under the key of the folder. */
async function write(called: Called, entryOf: (options: IncidentWords, id: string, atMs: number) => OwnersEntry): Promise<number> {
  const { invocation, options, folder, id } = called;
  const { host, settings, terminal } = invocation;
  const { book } = await look(invocation, folder);
  const incident = book.find(id);
  const own = await withPassphrase(invocation, `passphrase of ${folder}`, (passphrase) =>
    lookAtIdentity({ host, folder, settings, ...(passphrase === undefined ? {} : { passphrase }) }),
  );
  const entry = entryOf(options, incident.id, host.clock.wallMs());
  const after = await addToLedger(host, folder, own.instanceKey, [entry]);
  if (Object.values(entry).some((each) => typeof each === "string" && each.trim().length > INCIDENT_TEXT))
    terminal.trouble(`only the first ${countText(INCIDENT_TEXT, "letter")} of it were kept`);
  printIncident(terminal, after.book.find(incident.id));
  return 0;
}

/** Named, or seen red and green by this machine, which takes time: the moment it is guarded is the one after. */
async function guarded(called: Called): Promise<number> {
  const { invocation, options, folder, id, command } = called;
  const { host, signal, terminal } = invocation;
  const { guard = "", before, after = ".", timeout: timeoutMs = GUARD_TIMEOUT_MS } = options;
  const named = (text: string): Promise<number> => write(called, (_, each, atMs) => ({ what: "guarded", id: each, atMs, guard: text }));
  if (command.length === 0) {
    if (guard === "" || before !== undefined)
      throw new PerdureError("bad-argument", before === undefined ? "no guard is named" : "there is no command to run in that folder", {
        hint: `perdure incidents guarded ${id} --before <folder> -- <command>, or --guard <name> for one that no command is.`,
      });
    terminal.note("only named: with --before <folder> -- <command> it is seen red there and green here");
    return await named(guard);
  }
  if (before === undefined)
    throw new PerdureError("bad-argument", "nothing shows that the command notices the mistake", {
      hint: "Name a folder that still has it with --before, as a checkout of the commit before the fix.",
    });
  const { state } = (await look(invocation, folder)).book.find(id);
  // What cannot become guarded is refused before anything runs.
  if (state !== "open" && state !== "reproduced") return await named(guard);
  const { words, red } = await checkGuard({ host, command, before, after, timeoutMs, signal });
  terminal.note(red);
  return await named(guard === "" ? words : `${guard}; ${words}`);
}

async function look({ host }: Invocation, folder: string): Promise<LedgerReport> {
  if ((await readShown(host.files, host.crypto.hash, folder)) === undefined)
    throw new PerdureError("no-agent-here", `there is no identity in ${folder}`, {
      hint: "Name the folder with --at; a relay's with --relay.",
    });
  return await readLedger(host, folder);
}
