/** `perdure id`: who this agent is, and every change of its keys; for a relay's folder too, while the relay is stopped. */

import { resolve } from "node:path";
import type { Identity, IdentityChanged } from "../../agent/api.ts";
import { createIdentityCalls } from "../../agent/identity-calls.ts";
import { identityView } from "../../agent/identity-view.ts";
import { createIdentityWords } from "../../agent/identity-words.ts";
import { placeApart } from "../../host/node/place-apart.ts";
import { lookAtIdentity, openIdentity } from "../../identity/own-identity.ts";
import { formatRelayAddress, parseRelayAddress } from "../../protocol/link/index.ts";
import { EMPTY, equalBytes } from "../../wire/bytes.ts";
import { PerdureError } from "../../wire/error.ts";
import { agentIdBytes } from "../../wire/ids.ts";
import { type AgentCard, readAgentCard } from "../agent-card.ts";
import { confirm } from "../confirm.ts";
import { agentFolder } from "../folder.ts";
import { identityObject, printKeys } from "../identity-text.ts";
import { awaitNews, type Invocation, openHere, type Verb, withPassphrase } from "../invocation.ts";
import { parseMoment } from "../moment.ts";
import { dateText, durationText } from "../quantity.ts";
import type { IdWords } from "../words.ts";
import { exportAgent, fileHash, restoreHere, sealFolder, verifyFile, writeNew } from "./id-files.ts";

interface Called {
  readonly invocation: Invocation;
  readonly options: IdWords;
  readonly word: string;
  readonly folder: string;
}

type Action = (called: Called) => Promise<void>;

export function idVerb(action: string, words: readonly string[], options: IdWords): Verb {
  return async (invocation) => {
    const act = ACTIONS[action];
    if (act === undefined) throw new PerdureError("internal", `no verb id ${action}`);
    await act({ invocation, options, word: words[0] ?? "", folder: agentFolder(options.at, invocation.environment) });
    return 0;
  };
}

const ACTIONS: Readonly<Record<string, Action>> = {
  card: async ({ invocation, folder }) => printCard(invocation, folder, await readAgentCard(invocation.host, folder)),
  async show({ invocation, options, folder }) {
    const { host, terminal, settings } = invocation;
    const card = await readAgentCard(host, folder);
    const own = await withPassphrase(invocation, `passphrase of ${folder}`, (passphrase) =>
      lookAtIdentity({ host, folder, settings, ...(passphrase === undefined ? {} : { passphrase }) }),
    );
    const view = identityView(own);
    printCard(invocation, folder, card);
    terminal.object({ type: "identity", ...identityObject(view) });
    printKeys({ terminal, view, nowMs: host.clock.wallMs() });
    if (options.bundle === undefined) return;
    await writeNew(host.files, resolve(options.bundle), view.bundle);
    terminal.note(`what others verify this agent by is in ${resolve(options.bundle)}: perdure id verify reads it`);
  },
  rotate,
  async revoke(called) {
    const { invocation, options, word } = called;
    const nowMs = invocation.host.clock.wallMs();
    const since = options.since === undefined ? {} : { voidFromMs: parseMoment(options.since, nowMs) };
    const reason = options.reason === undefined ? {} : { reason: options.reason };
    await change(called, "that instance is revoked, and there is a new inbox key", (identity) =>
      identity.revoke(word, { ...since, ...reason, signal: invocation.signal }),
    );
  },
  claim(called) {
    const { options, invocation } = called;
    const { host, signal } = invocation;
    const since = options.stolenSince === undefined ? {} : { stolenSinceMs: parseMoment(options.stolenSince, host.clock.wallMs()) };
    return change(called, "this folder is the one that acts for the agent; the instance it was is revoked", (identity) =>
      identity.claim({ ...since, signal }),
    );
  },
  "pin-home": (called) =>
    change(called, called.options.off === true ? "any relay may be a home" : "no other relay may be a home", (identity) =>
      identity.pinHome({ pinned: called.options.off !== true, signal: called.invocation.signal }),
    ),
  move,
  async anchor(called) {
    const { invocation, options, word } = called;
    const root = await fileHash(word);
    const about = options.about === undefined ? {} : { about: options.about };
    await change(called, `${root} is signed into the log`, (identity) => identity.anchor(root, { ...about, signal: invocation.signal }));
  },
  async retire(called) {
    const { invocation, options, folder } = called;
    const card = await readAgentCard(invocation.host, folder);
    await confirm(invocation, {
      yes: options.yes === true,
      what: `retire ${card.name === undefined ? card.id : `@${card.name} (${card.id})`} for ever`,
      word: "retire",
    });
    const { recovery, successor, reason } = options;
    await change(called, "this agent is retired: it takes no new mail, and what waits can be read for 30 days", (identity) =>
      identity.retire({
        ...(recovery === undefined ? {} : { recoveryFile: resolve(recovery) }),
        ...(successor === undefined ? {} : { successor }),
        ...(reason === undefined ? {} : { reason }),
        signal: invocation.signal,
      }),
    );
  },
  export: async (called) => await exportAgent(called, await shownName(called), (work) => withIdentity(called, work)),
  restore: restoreHere,
  verify: verifyFile,
  passphrase: (called) => sealFolder(called, (work) => withIdentity(called, work)),
};

async function rotate(called: Called): Promise<void> {
  const { invocation, options, folder } = called;
  const { terminal, host, signal } = invocation;
  const card = await readAgentCard(host, folder);
  const { recovery, newRecovery, together = false, stolenSince, voidFrom } = options;
  const voidFromSeq = voidFrom === undefined ? undefined : Number(voidFrom);
  if (voidFromSeq !== undefined && !(Number.isInteger(voidFromSeq) && voidFromSeq > 0))
    throw new PerdureError("bad-argument", `"${voidFrom}" is no number of an event`, { hint: "perdure id show lists the log." });
  if (card.custody === "split" && recovery === undefined)
    throw new PerdureError("bad-argument", "the next control keys of this agent are in its recovery file", {
      hint: "Name that file with --recovery <file>.",
    });
  const newRecoveryFile = newRecovery === undefined ? undefined : await placeApart(newRecovery, folder);
  const nowMs = host.clock.wallMs();
  await change(
    called,
    `new keys are in force${stolenSince === undefined ? "" : "; what the old ones signed since then counts for nothing"}`,
    (identity) =>
      identity.rotate({
        ...(recovery === undefined ? {} : { recoveryFile: resolve(recovery) }),
        ...(newRecoveryFile === undefined ? {} : { newRecoveryFile }),
        ...(stolenSince === undefined ? {} : { stolenSinceMs: parseMoment(stolenSince, nowMs) }),
        ...(voidFromSeq === undefined ? {} : { voidFromSeq }),
        together,
        signal,
      }),
  );
  if (newRecoveryFile !== undefined) {
    terminal.note(`next keys in ${newRecoveryFile} and nowhere else: move that file off this machine`);
    terminal.note("          A copy of the folder from before still has them.");
  } else if (recovery !== undefined && !together)
    terminal.note(`next keys in ${resolve(recovery)}, as before: move that file off this machine again`);
  else terminal.note("next keys in the folder: whoever takes the folder is this agent");
}

/** Another relay becomes the home. What waits at the old one is fetched first, where that one still answers. */
async function move({ invocation, word, folder }: Called): Promise<void> {
  const { host, terminal, overrides, signal } = invocation;
  const [from] = (await readAgentCard(host, folder)).homes;
  if (from === undefined)
    throw new PerdureError("bad-argument", `the agent in ${folder} has no home yet`, { hint: "perdure init --relay <address> joins one." });
  if (equalBytes(parseRelayAddress(word).relayIdRaw ?? EMPTY, from.relayId))
    throw new PerdureError("bad-argument", "the agent lives at that relay already", {
      hint: "perdure init --relay <address> tells it another address of the same relay.",
    });
  const { openAgentWith } = await import("../../agent/open-agent.ts");
  const options = { settings: overrides, signal };
  await withPassphrase(invocation, `passphrase of ${folder}`, async (passphrase) => {
    const sealed = passphrase === undefined ? {} : { passphrase };
    const before = await openAgentWith(host, folder, { ...options, ...sealed });
    const { role } = await before.status({ signal });
    const isFetched = role === "holder" && (await awaitNews(invocation, before));
    await before.close();
    await using agent = await openAgentWith(host, folder, { ...options, ...sealed, join: word, move: true });
    const { id, url } = (await agent.status({ signal })).relay;
    const relay = formatRelayAddress(url, agentIdBytes(id));
    terminal.line(relay);
    terminal.object({ type: "moved", id: agent.id, from: formatRelayAddress(from.url, from.relayId), relay, fetched: isFetched });
    terminal.note(
      isFetched
        ? "what waited at the old relay is here; what others send there from here on waits there in vain"
        : "the old relay did not answer: what waits there, or was to leave from there, is lost to this agent",
    );
    terminal.note("contacts learn of the move with the next message to them; invites from before name the old relay");
  });
}

async function change(called: Called, said: string, work: (identity: Identity) => Promise<IdentityChanged>): Promise<void> {
  const { terminal } = called.invocation;
  const { seq, relayHasIt, identity } = await withIdentity(called, work);
  terminal.line(`event ${seq}`);
  terminal.object({ type: "identity-changed", seq, relayHasIt, standing: identity.standing });
  terminal.note(said);
  terminal.note(
    relayHasIt ? "your relay has it" : "your relay does not have it yet: it is told as soon as the agent is open and connected",
  );
}

/** The identity of an agent through whichever process holds its folder; that of a relay in its folder itself. */
async function withIdentity<Value>({ invocation, options, folder }: Called, work: (identity: Identity) => Promise<Value>): Promise<Value> {
  const { host, settings } = invocation;
  const card = await readAgentCard(host, folder);
  if (card.scope !== "relay" && card.homes.length > 0) {
    await using agent = await openHere(invocation, options.at);
    return await work(agent.identity);
  }
  const lock = await host.files.lock(folder);
  try {
    const own = await withPassphrase(invocation, `passphrase of ${folder}`, (passphrase) =>
      openIdentity({ host, folder, settings, ...(passphrase === undefined ? {} : { passphrase }) }),
    );
    const core = createIdentityCalls({ host, own, settings, tell: async () => false, isCopied: () => false });
    return await work(createIdentityWords({ core, within: (_what, { signal }, call) => call(signal ?? invocation.signal) }));
  } finally {
    await lock.release();
  }
}

async function shownName({ invocation, folder }: Called): Promise<string> {
  const { name, id } = await readAgentCard(invocation.host, folder);
  return name ?? id;
}

function printCard({ host, terminal }: Invocation, folder: string, card: AgentCard): void {
  const [home] = card.homes;
  const relay = home === undefined ? undefined : formatRelayAddress(home.url, home.relayId);
  terminal.object({
    type: "agent",
    id: card.id,
    name: card.name,
    folder,
    custody: card.custody,
    sealed: card.isSealed,
    relay,
    keyExpiresAtMs: card.keyExpiresAtMs,
  });
  const { faint } = terminal.stdout.paint;
  const row = (label: string, text: string): void => terminal.line(`${faint(label.padEnd(10))}${text}`);
  row("id", card.id);
  if (card.name !== undefined) row("name", `@${card.name}`);
  row("folder", `${folder}${card.isSealed ? ", sealed with a passphrase" : ""}`);
  row(
    "custody",
    card.custody === "split" ? "split: the next control keys are in the recovery file" : "together: a stolen folder is a stolen identity",
  );
  if (card.scope === "mail") row("relay", relay ?? "none yet: perdure init --relay <address>");
  row(
    "key",
    `until ${dateText(card.keyExpiresAtMs).slice(0, 16)} (${durationText(Math.max(0, card.keyExpiresAtMs - host.clock.wallMs()))}); renewed by use`,
  );
}
