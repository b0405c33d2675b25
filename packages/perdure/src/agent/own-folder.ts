/**
 * The identity of a folder and the relay it has joined. Creating is: the relay answers, an identity is made, the relay
 * registers it, the relay becomes its home. Interrupted after the second step, the next opening with `join` goes on;
 * refused by the relay (a taken name, another id), the identity nobody knows yet is removed again.
 */
import { withDeadline } from "../host/deadline.ts";
import type { Host } from "../host/host.ts";
import { identityPath } from "../identity/custody.ts";
import { createIdentity, type OwnIdentity, openIdentity, type VerifiedIdentity } from "../identity/index.ts";
import { stageAfter } from "../identity/life.ts";
import { connectSession, leaveUnused, parseRelayAddress } from "../protocol/link/index.ts";
import type { Settings } from "../settings/register.ts";
import { type Bytes, equalBytes } from "../wire/bytes.ts";
import { isPerdureError, PerdureError } from "../wire/error.ts";
import type { Home } from "../wire/identity.ts";
import { agentIdText, GENERATION_BYTES, LINK_BYTES } from "../wire/ids.ts";
import { MAX_TRANSPORT_BYTES } from "../wire/limits.ts";

export interface OwnFolderOptions {
  readonly host: Host;
  /** Already locked by the caller. */
  readonly folder: string;
  readonly settings: Settings;
  readonly join: string | undefined;
  /** `join` may name another relay than the agent's home, which then becomes it. */
  readonly move: boolean;
  /** For a relay that asks for one; also taken from the address. */
  readonly ticket: string | undefined;
  readonly name: string | undefined;
  readonly recoveryFile: string | undefined;
  readonly passphrase: string | undefined;
  readonly signal: AbortSignal;
}

export interface OwnFolder {
  readonly own: OwnIdentity;
  readonly home: Home;
}

/** Whether a folder has the identity of an agent, without touching it. */
export async function hasIdentity(host: Pick<Host, "files">, folder: string): Promise<boolean> {
  try {
    const file = await host.files.open(identityPath(folder), "read");
    await file.close();
    return true;
  } catch (error) {
    if (isPerdureError(error) && error.code === "not-found") return false;
    throw error;
  }
}

/** Opens the folder's identity, or makes one and joins the relay at `join`. */
export async function openOrCreate(options: OwnFolderOptions): Promise<OwnFolder> {
  const { host, folder, settings, join, name, recoveryFile, passphrase } = options;
  if (join === undefined || (await hasIdentity(host, folder))) return await openExisting(options);
  await knock(options, join);
  const custody = recoveryFile === undefined ? { custody: "together" as const } : { custody: "split" as const, recoveryPath: recoveryFile };
  const own = await createIdentity({
    host,
    folder,
    role: "mail",
    ...custody,
    ...(name === undefined ? {} : { name }),
    ...sealing(passphrase),
    settings,
  });
  try {
    return { own, home: await joinRelay(options, own, join) };
  } catch (error) {
    if (isPerdureError(error) && REFUSED.has(error.code)) {
      await host.files.remove(identityPath(folder));
      if (recoveryFile !== undefined) await host.files.remove(recoveryFile);
    }
    throw error;
  }
}

/** After these the relay has certainly not registered the identity. */
const REFUSED: ReadonlySet<string> = new Set([
  "relay-unreachable",
  "wrong-relay",
  "name-taken",
  "bad-handshake",
  "bad-signature",
  "needs-older-version",
  "needs-newer-version",
  "too-busy",
  "relay-draining",
]);

async function openExisting(options: OwnFolderOptions): Promise<OwnFolder> {
  const { host, folder, settings, join } = options;
  const own = await openIdentity({ host, folder, ...sealing(options.passphrase), settings });
  const [home] = own.homes();
  if (home === undefined) {
    if (join !== undefined) return { own, home: await joinRelay(options, own, join) };
    throw new PerdureError("no-agent-here", `the agent in ${folder} has not joined a relay yet`, {
      hint: "Open it with `join`, or run `perdure init` with --relay.",
    });
  }
  if (join === undefined) return { own, home };
  const { url, relayIdRaw } = parseRelayAddress(join);
  const isHere = relayIdRaw !== undefined && equalBytes(relayIdRaw, home.relayId);
  if (options.move && !isHere) return { own, home: await moveTo(options, own, home, join) };
  if (relayIdRaw !== undefined && !isHere) {
    throw new PerdureError(
      "wrong-relay",
      `the agent in ${folder} lives at relay ${agentIdText(home.relayId)}, not at ${agentIdText(relayIdRaw)}`,
      { hint: "An agent has one relay. To leave it for the other one for good: perdure id move <address>." },
    );
  }
  if (url === home.url) return { own, home };
  const moved = { ...home, url };
  await own.setHome(moved, host.clock.wallMs());
  return { own, home: moved };
}

function sealing(passphrase: string | undefined): { readonly passphrase?: string } {
  return passphrase === undefined ? {} : { passphrase };
}

/** A relay that does not answer is found out before anything is made. */
async function knock({ host, settings, signal }: OwnFolderOptions, join: string): Promise<void> {
  const { url } = parseRelayAddress(join);
  const connection = await host.net.dial(url, { timeoutMs: settings.dialTimeoutMs, maxMessageBytes: MAX_TRANSPORT_BYTES, signal });
  connection.start({ message: () => {}, drained: () => {}, closed: () => {} });
  connection.close();
}

/**
 * A session that registers the agent and proves the relay's id, which is pinned from then on; and one that registers the record
 * with its home, without which nobody elsewhere believes the relay about the agent's name.
 */
async function joinRelay(options: OwnFolderOptions, own: OwnIdentity, join: string): Promise<Home> {
  const { host } = options;
  const { url, relayIdRaw } = parseRelayAddress(join);
  const relay = await register(options, own, url, relayIdRaw);
  const home: Home = { relayId: relay.idRaw, url, preference: 0 };
  const published = relay.homes.find(({ relayId }) => equalBytes(relayId, relay.idRaw))?.url;
  // The home goes into the agent's record and its invites: agents elsewhere dial what stands there.
  if (published !== undefined && published !== url)
    host.log.write("warn", "agent.joined-by-another-address", {
      joined: url,
      published,
      hint: "agents elsewhere reach this one only by the published address",
    });
  if (own.homes().every(({ relayId }) => equalBytes(relayId, relay.idRaw))) await own.setHome(home, host.clock.wallMs());
  else await own.moveHome(home, host.clock.wallMs());
  await register(options, own, url, relay.idRaw).catch((error: unknown) =>
    // The agent's own session says it again.
    host.log.write("info", "agent.home-not-published", { code: isPerdureError(error) ? error.code : "internal" }),
  );
  return home;
}

/**
 * Leaves one relay for another. Until one replacement of the identity's file moves it, the agent lives at the old one, whatever failed.
 */
async function moveTo(options: OwnFolderOptions, own: OwnIdentity, from: Home, join: string): Promise<Home> {
  const { host, settings, signal } = options;
  stageAfter(own.stage, "move");
  const home = await joinRelay(options, own, join);
  if (equalBytes(home.relayId, from.relayId)) return home;
  // Whoever asks the old relay shall hear where the agent is; one that is gone hears nothing, and nobody waits for it.
  await withDeadline(host.clock, { timeoutMs: settings.dialTimeoutMs, what: "the old relay", signal }, (within) =>
    register({ ...options, join: undefined, ticket: undefined, signal: within }, own, from.url, from.relayId),
  ).catch((error: unknown) =>
    host.log.write("info", "agent.old-home-not-told", { url: from.url, code: isPerdureError(error) ? error.code : "internal" }),
  );
  return home;
}

async function register(
  { host, settings, signal, join, ticket: given }: OwnFolderOptions,
  own: OwnIdentity,
  url: string,
  relayIdRaw: Bytes | undefined,
): Promise<VerifiedIdentity> {
  const ticket = (join === undefined ? undefined : parseRelayAddress(join).ticket) ?? given;
  const link = host.random.bytes(LINK_BYTES);
  const have = { generation: new Uint8Array(GENERATION_BYTES), position: 0 };
  const { session, relay } = await connectSession({ host, settings, url, relayIdRaw, own, link, consume: false, ticket, have, signal });
  leaveUnused(session, "registered");
  return relay;
}
