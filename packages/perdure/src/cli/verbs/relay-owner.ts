/** What the owner of a relay asks and tells it while it runs, over the socket in its folder. */
import { askRelay } from "../../relay/owner-socket.ts";
import type { RelayStatus } from "../../relay/status.ts";
import { listExternal } from "../../settings/external.ts";
import { createSettings, listSettings, type SettingRow } from "../../settings/register.ts";
import { contradictions } from "../../settings/relations.ts";
import { isPerdureError } from "../../wire/error.ts";
import type { IssuedTicket, OwnerCall } from "../../wire/owner-calls.ts";
import { printContradictions, printExternal, printUnchosen } from "../external-rows.ts";
import { relayFolder } from "../folder.ts";
import { safeLine } from "../foreign-text.ts";
import type { Invocation, Verb } from "../invocation.ts";
import { countText, durationText, numberText, sizeText } from "../quantity.ts";
import { relaySettings } from "../relay-settings.ts";
import { printSettings } from "../setting-rows.ts";
import type { BlockWords, RelayFolderWords, RelaySettingsWords, TicketWords } from "../words.ts";

const TICKET_MS = 24 * 60 * 60 * 1000;

async function ask<Result>({ host, environment, signal }: Invocation, options: RelayFolderWords, call: OwnerCall): Promise<Result> {
  return (await askRelay(host, relayFolder(options.folder, environment), call, signal)) as Result;
}

export function ticketVerb(options: TicketWords): Verb {
  return async (invocation) => {
    const { terminal, host } = invocation;
    const call: OwnerCall = { name: "issue-ticket", uses: options.uses ?? 1, expiresInMs: options.expires ?? TICKET_MS };
    const ticket = await ask<IssuedTicket>(invocation, options, call);
    terminal.line(ticket.address);
    terminal.object({ type: "ticket", ...ticket });
    const agents = ticket.uses === 1 ? "one agent" : `${ticket.uses} agents`;
    terminal.note(
      `for ${agents}, for ${durationText(ticket.expiresAtMs - host.clock.wallMs())}: perdure init --relay '<that>' --name <name>`,
    );
    return 0;
  };
}

export function blockVerb(who: string, options: BlockWords): Verb {
  return banVerb(who, true, options.why ?? "", options);
}

export function unblockVerb(who: string, options: RelayFolderWords): Verb {
  return banVerb(who, false, "", options);
}

function banVerb(who: string, banned: boolean, why: string, options: RelayFolderWords): Verb {
  return async (invocation) => {
    await ask(invocation, options, { name: "ban", who, banned, why });
    invocation.terminal.object({ type: banned ? "blocked" : "unblocked", id: who });
    invocation.terminal.note(banned ? `${who} is turned away from here on` : `${who} may come again`);
    return 0;
  };
}

export function pageVerb(options: RelayFolderWords): Verb {
  return async (invocation) => {
    const url = await ask<string>(invocation, options, { name: "page" });
    invocation.terminal.line(url);
    invocation.terminal.object({ type: "page", url });
    return 0;
  };
}

export function statusVerb(options: RelayFolderWords): Verb {
  return async (invocation) => {
    const { terminal } = invocation;
    const status = await ask<RelayStatus>(invocation, options, { name: "status" });
    terminal.object({ type: "status", ...status });
    const { good, bad } = terminal.stdout.paint;
    terminal.line(status.healthy ? good("healthy") : bad("needs attention"));
    for (const reason of status.reasons) terminal.line(`  ${safeLine(reason, 300)}`);
    terminal.line(`address      ${status.address}`);
    terminal.line(`running for  ${durationText(status.nowMs - status.startedAtMs)}`);
    terminal.line(`agents       ${numberText(status.agentCount)}, ${countText(status.connections, "connection")}`);
    terminal.line(`waiting      ${countText(status.waitingMessages, "message")}, ${sizeText(status.waitingBytes)}`);
    terminal.line(`disk         ${sizeText(status.diskBytes)} of ${sizeText(status.diskLimitBytes)}`);
    const connected = status.peers.filter((peer) => peer.connected).length;
    if (status.peers.length > 0) terminal.line(`relays       ${status.peers.length} known, ${connected} connected`);
    const limited = Object.entries(status.counters.limited).sort(([, one], [, other]) => other - one);
    for (const [name, times] of limited) terminal.line(`limit hit    ${limitHitText(name, times, status.settings)}`);
    if (limited.length > 0) terminal.line("             perdure relay --set <name>=<value> starts it with a higher one");
    for (const incident of status.incidents.slice(-5).toReversed())
      terminal.line(`incident     ${new Date(incident.atMs).toISOString()} ${incident.kind}: ${safeLine(incident.what, 200)}`);
    return status.healthy ? 0 : 1;
  };
}

/** "agentMessagesPerSecond 12 times: it is 50 messages" */
function limitHitText(name: string, times: number, settings: readonly SettingRow[]): string {
  const row = settings.find((each) => each.name === name);
  return `${name} ${countText(times, "time")}${row === undefined ? "" : `: it is ${numberText(row.value)} ${row.unit}`}`;
}

/** As they are in force in the running relay; where none runs, as a start would have them. */
export function settingsVerb(options: RelaySettingsWords): Verb {
  return async (invocation) => {
    const { terminal } = invocation;
    const running = await ask<RelayStatus>(invocation, options, { name: "status" }).catch((error: unknown) => {
      if (isPerdureError(error) && error.code === "relay-unreachable") return undefined;
      throw error;
    });
    const { settings, surroundings } = running ?? (await asStarted(invocation, options));
    if (options.unchosen === true) return printUnchosen(terminal, surroundings.external);
    if (options.external === true) printExternal(terminal, surroundings.external);
    else printSettings(terminal, settings);
    printContradictions(terminal, surroundings.contradictions);
    return 0;
  };
}

/** The settings and surroundings that a relay started now in this folder would have. */
export async function asStarted(
  { terminal, host, environment, overrides }: Invocation,
  options: RelayFolderWords,
): Promise<Pick<RelayStatus, "settings" | "surroundings">> {
  const folder = relayFolder(options.folder, environment);
  const { overrides: values, origins } = await relaySettings(host.files, folder, environment, overrides);
  const settings = createSettings(values);
  const external = host.external === undefined ? [] : listExternal(host.external.declared, await host.external.read(folder));
  terminal.note(`no relay runs in ${folder}: these are the settings it would start with`);
  return {
    settings: listSettings(settings, origins),
    surroundings: { external, contradictions: contradictions(settings, { external, origins }) },
  };
}
