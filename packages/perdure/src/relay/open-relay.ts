/** One relay in one folder: lock, identity, log, machine, port. */

import { withDeadline } from "../host/deadline.ts";
import { hedgedHost } from "../host/hedged-random.ts";
import type { Host } from "../host/host.ts";
import type { Listener } from "../host/net.ts";
import { rarely, refuseArmed } from "../host/points.ts";
import { recordHost } from "../host/recording.ts";
import { lookAround } from "../host/surroundings.ts";
import { certifiedInstance } from "../identity/certificate.ts";
import { createIdentity, type OwnIdentity, openIdentity } from "../identity/own-identity.ts";
import { verifyBundle } from "../identity/verify.ts";
import type { RelayDefences } from "../protocol/delivery/mailbox-events.ts";
import { bundleOf, type InputBundle } from "../protocol/incidents/input-bundle.ts";
import { type InputKeeper, openInputKeeper } from "../protocol/incidents/input-keeper.ts";
import { type IncidentKeeper, openIncidentKeeper } from "../protocol/incidents/keeper.ts";
import { readLedger } from "../protocol/incidents/ledger-file.ts";
import { formatRelayAddress } from "../protocol/link/address.ts";
import { goodbyeFor } from "../protocol/link/goodbyes.ts";
import { refuseConnection } from "../protocol/link/refuse.ts";
import { createSettings, listSettings, type Settings } from "../settings/register.ts";
import { requireRelations } from "../settings/relations.ts";
import { equalBytes } from "../wire/bytes.ts";
import { isPerdureError, PerdureError } from "../wire/error.ts";
import type { AgentId } from "../wire/ids.ts";
import { MAX_TRANSPORT_BYTES } from "../wire/limits.ts";
import type { IssuedTicket } from "../wire/owner-calls.ts";
import { createHttp } from "./http.ts";
import { createHttpLimits } from "./http-limits.ts";
import { createOwnerDesk } from "./owner-desk.ts";
import { serveOwner } from "./owner-socket.ts";
import { type OwnerToken, openOwnerToken } from "./owner-token.ts";
import { type Reach, reachOf } from "./reach.ts";
import { type RelayCore, startRelayCore } from "./relay-core.ts";
import type { RelayStatus } from "./status.ts";
import { readTls, type TlsPaths, watchTls } from "./tls-files.ts";

export interface RelayOptions {
  /** Made when it is empty: a relay keeps its identity and its mail there. */
  readonly folder: string;
  /** A `ws:` or, with `tls`, `wss:` address of this machine; port 0 takes any free one. Off loopback `public` must say where others find it. */
  readonly listen: string;
  /** The relay's address in the world, `wss://relay.example/`: it then answers under that name, and shows its numbers to its owner only. */
  readonly public?: string | undefined;
  /** PEM files to end TLS with; read again when they change. */
  readonly tls?: TlsPaths | undefined;
  /** Whether an agent needs a ticket to register: true for a public relay, false for one of loopback, when nobody says. */
  readonly tickets?: boolean | undefined;
  /** Whether a public relay may dial relays in private networks and on this machine; a relay of loopback may. */
  readonly allowPrivatePeers?: boolean | undefined;
  /** Origins (`https://app.example`) whose pages may connect: agents in browsers. Pages of all others are turned away. */
  readonly origins?: readonly string[] | undefined;
  /** Opens a folder whose identity is sealed with one; seals a new one. */
  readonly passphrase?: string | undefined;
  /** Settings to override, by name. */
  readonly settings?: Readonly<Partial<Record<string, number>>> | undefined;
  /** Who set them, by name, for the status: "flag", "env", "file". */
  readonly settingOrigins?: Readonly<Record<string, string>> | undefined;
  /** Bytes of memory of this process, for the status. */
  readonly memoryBytes?: (() => number) | undefined;
}

export interface Relay extends AsyncDisposable {
  readonly id: AgentId;
  /** What agents join: the address in the world, else as bound, with the relay's id behind `#`. */
  readonly address: string;
  /** Where it listens, with the real port. */
  readonly listens: string;
  /** Where its owner sees how it is; that of a public relay lets in whoever has the link. */
  readonly page: string;
  status(): RelayStatus;
  /** An address with a fresh ticket in it; durable when it resolves. `bad-argument` for uses below 1 or a time outside 1 min to 366 d. */
  issueTicket(options?: { readonly uses?: number; readonly expiresInMs?: number }): Promise<IssuedTicket>;
  /** Turns an agent or a relay (`ag1…`) away from here on, or no longer; durable when it resolves. */
  ban(who: string, banned?: boolean, why?: string): Promise<void>;
  /** Says goodbye to everybody, waits until what was accepted is durable (at most `drainTimeoutMs`), and lets go of the folder. */
  drain(): Promise<void>;
}

export interface OpenRelay extends RelayOptions {
  readonly host: Host;
  /** Safety mechanisms a test switches off to see what they are for. */
  readonly defences?: Partial<RelayDefences>;
  /** Whether the folder keeps a ledger of incidents. */
  readonly incidents?: boolean;
}

/**
 * Opens the relay of `folder` on the machine given. Throws `bad-argument`, `unknown-setting`, `folder-in-use`, `address-in-use`,
 * `log-damaged`, `key-damaged`, `disk-full`, `disk-failed`, `read-only`, `permission-denied`, `needs-older-version`, `needs-newer-version`.
 */
export async function openRelayWith(given: OpenRelay): Promise<Relay> {
  refuseArmed(given.host);
  const hedged = hedgedHost(given.host);
  const settings = createSettings(given.settings);
  const recording = given.incidents === true && settings.keepInputs > 0 ? recordHost(hedged) : undefined;
  const options = { ...given, host: recording?.host ?? hedged };
  const { host, folder } = options;
  const reach = reachOf(options);
  requireRelations(settings, { origins: options.settingOrigins });
  const lock = await host.files.lock(folder);
  // bound: four
  const doors: (() => Promise<void> | void)[] = [];
  let core: RelayCore | undefined;
  let ledger: IncidentKeeper | undefined;
  let inputs: InputKeeper | undefined;
  const letGo = async (): Promise<void> => {
    try {
      for (let close = doors.pop(); close !== undefined; close = doors.pop()) await close();
      await core?.stop();
    } finally {
      await ledger?.[Symbol.asyncDispose]();
      await inputs?.[Symbol.asyncDispose]();
      await lock.release();
    }
  };
  try {
    const surroundings = await lookAround(host, folder, settings, options.settingOrigins);
    const own = await relayIdentity(options, settings, reach);
    if (options.incidents === true) ledger = await openLedger(options, settings, own);
    if (recording !== undefined) inputs = await openInputKeeper(hedged, folder, recording);
    const token = reach.publicUrl === undefined ? undefined : await openOwnerToken(host, folder);
    const listener = await startListening(options, reach, settings, token, () => core, doors);
    const address = formatRelayAddress(reach.publicUrl ?? listener.address, own.id);
    const running = await startRelayCore({
      host,
      folder,
      settings,
      settingOrigins: options.settingOrigins,
      own,
      address,
      ticketsRequired: options.tickets ?? reach.publicUrl !== undefined,
      origins: reach.origins,
      publicPeersOnly: reach.publicUrl !== undefined && options.allowPrivatePeers !== true,
      memoryBytes: options.memoryBytes,
      surroundings,
      defences: options.defences,
      ledger,
    });
    core = running;
    const page = pageOf(reach, listener.address, token);
    const bundle = bundleOfRelay(hedged, folder, running, inputs);
    const desk = createOwnerDesk({ host, core: running, address, page, bundle, backups: running.backups });
    const socket = await serveOwner(host, folder, desk.answer);
    doors.push(() => socket.close());
    let drained: Promise<void> | undefined;
    const finish = async (): Promise<void> => {
      await finishWork(host, settings, running);
      await letGo();
    };
    const drain = (): Promise<void> => (drained ??= finish());
    return {
      id: own.id,
      address,
      listens: listener.address,
      page,
      status: running.status,
      issueTicket: desk.issueTicket,
      ban: desk.ban,
      drain,
      [Symbol.asyncDispose]: drain,
    };
  } catch (error) {
    // A port that is taken is tried again beside it.
    if (!isPerdureError(error) || error.code !== "address-in-use") ledger?.add({ kind: "not-opened", symptom: String(error) });
    await letGo();
    throw error;
  }
}

function bundleOfRelay(
  host: Host,
  folder: string,
  core: RelayCore,
  inputs: InputKeeper | undefined,
): (() => Promise<InputBundle>) | undefined {
  if (inputs === undefined) return undefined;
  return async () => {
    const { settings, surroundings } = core.status();
    const { incidents } = (await readLedger(host, folder)).book;
    const [lives, nowMs, { pseudonym }] = [inputs.lives(), host.clock.wallMs(), inputs];
    return bundleOf({ role: "relay", nowMs, lives, settings, surroundings, incidents, pseudonym });
  };
}

function openLedger({ host, folder, settingOrigins }: OpenRelay, settings: Settings, own: OwnIdentity): Promise<IncidentKeeper> {
  return openIncidentKeeper({ host, folder, key: () => own.instanceKey, settings: () => listSettings(settings, settingOrigins) });
}

async function startListening(
  { host, listen, tls: paths }: OpenRelay,
  reach: Reach,
  settings: Settings,
  token: OwnerToken | undefined,
  core: () => RelayCore | undefined,
  doors: (() => Promise<void> | void)[],
): Promise<Listener> {
  const http = createHttp({
    reach,
    status: () => core()?.status(),
    agentNamed: (name) => core()?.agentNamed(name),
    isOwner: (authorization) => token?.isIn(authorization) ?? true,
    limits: createHttpLimits(host.clock, settings, (name) => core()?.limited(name)),
  });
  const tls = paths === undefined ? undefined : await readTls(host.files, paths);
  const listener = await host.net.listen(listen, {
    maxMessageBytes: MAX_TRANSPORT_BYTES,
    limits: settings,
    mayConnect: reach.mayConnect,
    ...(tls === undefined ? {} : { tls }),
    onConnection: (connection) => {
      const running = core();
      const busy = rarely(host.points, "connection-busy");
      if (running !== undefined && !busy) return running.accept(connection);
      refuseConnection(
        connection,
        goodbyeFor("too-busy", busy ? "no connection is taken now" : "the relay is starting", {
          retry: "after",
          afterMs: settings.redialMinMs,
        }),
      );
    },
    onRequest: (request, remote) => http.fetch(request, { remote }),
  });
  doors.push(() => listener.close());
  if (tls !== undefined && paths !== undefined) {
    const { clock, files, log } = host;
    const stop = watchTls({
      clock,
      files,
      paths,
      inUse: tls,
      everyMs: settings.tlsCheckMs,
      renew: (next) => listener.renewTls(next),
      renewed: () => log.write("info", "relay.certificate-renewed", { file: paths.certificateFile }),
      failed: (why) => core()?.incident("tls", `the certificate on disk cannot be used, the one before stays: ${why}`),
    });
    doors.push(stop);
  }
  return listener;
}

/** Where the owner sees the relay's numbers. The token stands behind `#`, which a browser keeps to itself. */
function pageOf(reach: Reach, listens: string, token: OwnerToken | undefined): string {
  const here = (reach.publicUrl ?? listens).replace(/^ws/, "http");
  return token === undefined ? new URL("/", here).href : `${new URL("/page", here).href}#token=${token.text}`;
}

async function finishWork(host: Host, settings: Settings, core: RelayCore): Promise<void> {
  core.sayGoodbye();
  await withDeadline(host.clock, { timeoutMs: settings.drainTimeoutMs, what: "the last batch of the relay" }, () => core.durable()).catch(
    (error: unknown) => {
      host.log.write("warn", "relay.drain-cut-short", { why: String(error) });
    },
  );
}

async function relayIdentity({ host, folder, passphrase }: OpenRelay, settings: Settings, reach: Reach): Promise<OwnIdentity> {
  const sealing = passphrase === undefined ? {} : { passphrase };
  const own = await openIdentity({ host, folder, settings, ...sealing }).catch((error: unknown) => {
    if (isPerdureError(error) && error.code === "no-agent-here")
      return createIdentity({ host, folder, role: "relay", custody: "together", settings, ...sealing });
    throw error;
  });
  await own.renewIfDue(host.clock.wallMs());
  const shown = await verifyBundle(host.crypto, own.bundle(), host.clock.wallMs(), own.idRaw);
  try {
    certifiedInstance(shown, own.instanceKey.publicKey, "relay", host.clock.wallMs());
  } catch (cause) {
    throw new PerdureError("bad-argument", `the folder ${folder} belongs to an agent, not to a relay`, {
      hint: "Give the relay a folder of its own.",
      cause,
    });
  }
  await keepPublicHome(own, reach, host.clock.wallMs());
  return own;
}

/** What the relay signs of itself says where the world finds it; one of loopback is found by nobody who is not told. */
async function keepPublicHome(own: OwnIdentity, { publicUrl }: Reach, nowMs: number): Promise<void> {
  const [home] = own.homes();
  if (publicUrl === undefined || (home !== undefined && home.url === publicUrl && equalBytes(home.relayId, own.idRaw))) return;
  await own.setHome({ relayId: own.idRaw, url: publicUrl, preference: 0 }, nowMs);
}
