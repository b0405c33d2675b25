/** `perdure doctor --bundle`: what lately came into an agent or a relay, as a file for whoever looks for a mistake. */
import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import process from "node:process";
import { type BundleRole, bundleOf, type InputBundle, readBundle } from "../../protocol/incidents/input-bundle.ts";
import { readKeptInputs } from "../../protocol/incidents/input-keeper.ts";
import { readLedger } from "../../protocol/incidents/ledger-file.ts";
import { askRelay } from "../../relay/owner-socket.ts";
import { listExternal } from "../../settings/external.ts";
import { listSettings } from "../../settings/register.ts";
import { contradictions } from "../../settings/relations.ts";
import { isPerdureError, PerdureError } from "../../wire/error.ts";
import { agentFolder, relayFolder } from "../folder.ts";
import { type Invocation, openHere, type Verb } from "../invocation.ts";
import { packageVersion } from "../package-version.ts";
import { countText, durationText, sizeText } from "../quantity.ts";
import { unwritable } from "../unwritable.ts";
import type { DoctorWords } from "../words.ts";
import { asStarted } from "./relay-owner.ts";

export function bundleVerb(file: string, options: DoctorWords): Verb {
  return async (invocation) => {
    const { terminal } = invocation;
    const given = options.relay === true ? await ofRelay(invocation, options.at) : await ofAgent(invocation, options.at);
    const made = { perdure: packageVersion(), node: process.versions.node, platform: process.platform, arch: process.arch };
    const bundle: InputBundle = { ...given, made };
    const text = `${JSON.stringify(bundle)}\n`;
    for (const line of summary(bundle)) terminal.note(line);
    const path = resolve(file);
    try {
      await writeFile(path, text, { flag: "wx", mode: 0o600 });
    } catch (cause) {
      const isThere = cause instanceof Error && "code" in cause && cause.code === "EEXIST";
      if (isThere) throw new PerdureError("bad-argument", `${path} is there already`, { hint: "Name another file.", cause });
      throw unwritable(path, cause, "--bundle");
    }
    terminal.line(path);
    const inputs = bundle.lives.reduce((sum, life) => sum + life.inputs.length, 0);
    terminal.object({ type: "bundle", file: path, bytes: text.length, role: bundle.role, lives: bundle.lives.length, inputs });
    terminal.note(`${sizeText(text.length)}; no contents, keys, names, ids or addresses. npm run lab -- --replay ${file} takes it`);
    return 0;
  };
}

async function ofAgent(invocation: Invocation, at: string | undefined): Promise<InputBundle> {
  const folder = agentFolder(at, invocation.environment);
  try {
    await using agent = await openHere(invocation, at);
    return readBundle(await agent.bundle({ signal: invocation.signal }));
  } catch (error) {
    if (isPerdureError(error) && (error.code === "aborted" || error.code === "no-agent-here")) throw error;
    return await kept(invocation, folder, "agent", error);
  }
}

async function ofRelay(invocation: Invocation, at: string | undefined): Promise<InputBundle> {
  const folder = relayFolder(at, invocation.environment);
  try {
    return (await askRelay(invocation.host, folder, { name: "bundle" }, invocation.signal)) as InputBundle;
  } catch (error) {
    if (isPerdureError(error) && error.code === "aborted") throw error;
    return await kept(invocation, folder, "relay", error);
  }
}

/** Of a process that does not answer or does not start: what the last one left in the folder. */
async function kept(invocation: Invocation, folder: string, role: BundleRole, cause: unknown): Promise<InputBundle> {
  const { host, settings, terminal } = invocation;
  const { lives, pseudonym } = await readKeptInputs(host, folder).catch((error: unknown) => {
    throw isPerdureError(error) && error.code === "not-found" ? cause : error;
  });
  terminal.note(`no process tells it now, so this is what the last one left: ${cause instanceof Error ? cause.message : String(cause)}`);
  const external = host.external === undefined ? [] : listExternal(host.external.declared, await host.external.read(folder));
  const inForce =
    role === "relay"
      ? await asStarted(invocation, { folder })
      : { settings: listSettings(settings), surroundings: { external, contradictions: contradictions(settings, { external }) } };
  const { incidents } = (await readLedger(host, folder)).book;
  return bundleOf({ role, nowMs: host.clock.wallMs(), lives, incidents, pseudonym, ...inForce });
}

/** What goes into the file, before it is written. */
function summary({ role, lives, settings, incidents, external }: InputBundle): readonly string[] {
  const counts = new Map<string, number>();
  for (const { inputs } of lives) for (const { what } of inputs) counts.set(what, (counts.get(what) ?? 0) + 1);
  const last = lives.at(-1);
  const span = last === undefined ? "" : `, the last one of ${durationText(Math.max(0, last.lastMs - last.beganMs))}`;
  return [
    `what lately came into this ${role}: ${countText(lives.length, "process", "processes")}${span}`,
    ...[...counts].map(([what, count]) => `  ${what.padEnd(14)}${count}`),
    `  ${"settings".padEnd(14)}${settings.length}, ${settings.filter(({ origin }) => origin !== "default").length} of them set`,
    `  ${"limits".padEnd(14)}${external.length} of the machine`,
    `  ${"incidents".padEnd(14)}${incidents.length}, without their words`,
  ];
}
