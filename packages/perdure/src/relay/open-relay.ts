/** One relay in one folder: lock, identity, log, machine, port. */

import { withDeadline } from "../host/deadline.ts";
import type { Host } from "../host/host.ts";
import type { Listener } from "../host/net.ts";
import { certifiedInstance } from "../identity/certificate.ts";
import { createIdentity, type OwnIdentity, openIdentity } from "../identity/own-identity.ts";
import { verifyBundle } from "../identity/verify.ts";
import type { RelayDefences } from "../protocol/delivery/mailbox-events.ts";
import { formatRelayAddress } from "../protocol/link/address.ts";
import { goodbyeFor } from "../protocol/link/goodbyes.ts";
import { refuseConnection } from "../protocol/link/refuse.ts";
import { createSettings, type Settings } from "../settings/register.ts";
import { isPerdureError, PerdureError } from "../wire/error.ts";
import type { AgentId } from "../wire/ids.ts";
import { MAX_TRANSPORT_BYTES } from "../wire/limits.ts";
import { createHttp } from "./http.ts";
import { isProgramHere, requireLoopback } from "./loopback.ts";
import { type RelayCore, startRelayCore } from "./relay-core.ts";
import type { RelayStatus } from "./status.ts";

export interface RelayOptions {
  /** Made when it is empty: a relay keeps its identity and its mail there. */
  readonly folder: string;
  /** A `ws:` address of this machine; port 0 takes any free one. */
  readonly listen: string;
  /** Settings to override, by name. */
  readonly settings?: Readonly<Partial<Record<string, number>>> | undefined;
  /** Bytes of memory of this process, for the status. */
  readonly memoryBytes?: (() => number) | undefined;
}

export interface Relay extends AsyncDisposable {
  readonly id: AgentId;
  /** What agents join: the address as bound, with the relay's id behind `#`. */
  readonly address: string;
  status(): RelayStatus;
  /** Says goodbye to everybody, waits until what was accepted is durable (at most `drainTimeoutMs`), and lets go of the folder. */
  drain(): Promise<void>;
}

export interface OpenRelay extends RelayOptions {
  readonly host: Host;
  /** Safety mechanisms a test switches off to see what they are for. */
  readonly defences?: Partial<RelayDefences>;
}

/**
 * Opens the relay of `folder` on the machine given. Throws `bad-argument`, `unknown-setting`, `folder-in-use`, `address-in-use`,
 * `log-damaged`, `key-damaged`, `disk-full`, `disk-failed`, `read-only`, `permission-denied`, `needs-newer-version`.
 */
export async function openRelayWith({ host, folder, listen, settings: overrides, memoryBytes, defences }: OpenRelay): Promise<Relay> {
  requireLoopback(listen);
  const settings = createSettings(overrides);
  const lock = await host.files.lock(folder);
  let listener: Listener | undefined;
  let core: RelayCore | undefined;
  const letGo = async (): Promise<void> => {
    try {
      await listener?.close();
      await core?.stop();
    } finally {
      await lock.release();
    }
  };
  try {
    const own = await relayIdentity(host, folder, settings);
    const http = createHttp({ status: () => core?.status() });
    listener = await host.net.listen(listen, {
      maxMessageBytes: MAX_TRANSPORT_BYTES,
      mayConnect: isProgramHere,
      onConnection: (connection) => {
        if (core !== undefined) return core.accept(connection);
        refuseConnection(connection, goodbyeFor("too-busy", "the relay is starting", { retry: "after", afterMs: settings.redialMinMs }));
      },
      onRequest: (request) => http.fetch(request),
    });
    const address = formatRelayAddress(listener.address, own.id);
    const running = await startRelayCore({ host, folder, settings, own, address, memoryBytes, defences });
    core = running;
    let drained: Promise<void> | undefined;
    const finish = async (): Promise<void> => {
      await finishWork(host, settings, running);
      await letGo();
    };
    const drain = (): Promise<void> => (drained ??= finish());
    return { id: own.id, address, status: running.status, drain, [Symbol.asyncDispose]: drain };
  } catch (error) {
    await letGo();
    throw error;
  }
}

async function finishWork(host: Host, settings: Settings, core: RelayCore): Promise<void> {
  core.sayGoodbye();
  await withDeadline(host.clock, { timeoutMs: settings.drainTimeoutMs, what: "the last batch of the relay" }, () => core.durable()).catch(
    (error: unknown) => {
      host.log.write("warn", "relay.drain-cut-short", { why: String(error) });
    },
  );
}

async function relayIdentity(host: Host, folder: string, settings: Settings): Promise<OwnIdentity> {
  const own = await openIdentity({ host, folder, settings }).catch((error: unknown) => {
    if (isPerdureError(error) && error.code === "no-agent-here")
      return createIdentity({ host, folder, role: "relay", custody: "together", settings });
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
  return own;
}
