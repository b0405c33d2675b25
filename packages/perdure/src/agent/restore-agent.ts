/** Restoring an agent from its export: what its home holds of it is asked first, and told at once who acts for it now. */
import { withDeadline } from "../host/deadline.ts";
import type { Host } from "../host/host.ts";
import type { OwnIdentity } from "../identity/own-identity.ts";
import { restoreIdentity } from "../identity/restore.ts";
import { connectSession, goodbyeFor } from "../protocol/link/index.ts";
import type { Settings } from "../settings/register.ts";
import type { Bytes } from "../wire/bytes.ts";
import { found, lookup, published } from "../wire/control.ts";
import { isPerdureError, PerdureError } from "../wire/error.ts";
import type { Frame } from "../wire/frame.ts";
import { GENERATION_BYTES, LINK_BYTES } from "../wire/ids.ts";
import { type IdentityView, identityView } from "./identity-view.ts";

export interface RestoreAgent {
  readonly host: Host;
  readonly folder: string;
  readonly settings: Settings;
  readonly file: Bytes;
  readonly passphrase: string | undefined;
  readonly folderPassphrase: string | undefined;
  /** Asks nobody: for a home that is gone for good. */
  readonly offline: boolean;
  readonly signal: AbortSignal;
}

export interface RestoredAgent {
  readonly identity: IdentityView;
  /** The agent's relay knows the new instance. */
  readonly relayHasIt: boolean;
}

/** Throws what `restoreIdentity` does, `folder-in-use`, `relay-unreachable`. */
export async function restoreAgent(options: RestoreAgent): Promise<RestoredAgent> {
  const { host, folder, offline } = options;
  const lock = await host.files.lock(folder);
  try {
    const own = await restoreIdentity({
      ...options,
      newest: async (seen) => (offline ? undefined : await atHome(options, seen)),
    });
    const relayHasIt =
      !offline &&
      own.standing === "in-force" &&
      (await visit(options, own, async () => true).catch((error: unknown) => {
        host.log.write("warn", "agent.restored-untold", { code: isPerdureError(error) ? error.code : "internal", why: String(error) });
        return false;
      }));
    return { identity: identityView(own), relayHasIt: relayHasIt === true };
  } finally {
    await lock.release();
  }
}

/**
 * The bundle the agent's home has of it; `undefined` when it has no home or none is known there. Where the exported instance was revoked
 * since, the home refuses it and shows that bundle with the refusal.
 */
async function atHome(options: RestoreAgent, own: OwnIdentity): Promise<Bytes | undefined> {
  let shown: Bytes | undefined;
  const ask = { name: "lookup", payload: lookup.encode({ request: 1, what: "agent", key: own.idRaw, at: new Uint8Array(0) }) } as const;
  return await visit(
    options,
    own,
    async (send, answer) => {
      send(ask);
      const { bundle } = await answer();
      return bundle.length === 0 ? undefined : bundle;
    },
    (payload) => {
      shown = published.decode(payload.slice()).bundle;
    },
  ).catch((cause: unknown) => {
    if (shown !== undefined && isPerdureError(cause) && cause.code === "instance-revoked") return shown;
    if (isPerdureError(cause) && cause.code === "relay-unreachable")
      throw new PerdureError("relay-unreachable", "the agent's relay cannot be asked what has become of the agent since the export", {
        hint: "Try again when it is up; with --offline the agent is restored as it was exported.",
        cause,
      });
    throw cause;
  });
}

type Visit<Result> = (send: (frame: Frame) => void, answer: () => Promise<ReturnType<typeof found.decode>>) => Promise<Result>;

/** A short session with the home, which reads no mail; `undefined` without a home. */
async function visit<Result>(
  { host, settings, signal }: RestoreAgent,
  own: OwnIdentity,
  work: Visit<Result>,
  onPublished: (payload: Bytes) => void = () => undefined,
): Promise<Result | undefined> {
  const [home] = own.homes();
  if (home === undefined) return undefined;
  const have = { generation: new Uint8Array(GENERATION_BYTES), position: 0 };
  const link = host.random.bytes(LINK_BYTES);
  const { session } = await connectSession({
    host,
    settings,
    url: home.url,
    relayIdRaw: home.relayId,
    own,
    link,
    consume: false,
    have,
    signal,
    onPublished,
  });
  const said = Promise.withResolvers<ReturnType<typeof found.decode>>();
  said.promise.catch(() => undefined);
  session.start({
    frame: (frame) => {
      if (frame.name === "found") said.resolve(found.decode(frame.payload.slice()));
    },
    drained: () => {},
    closed: ({ code, why }) => said.reject(new PerdureError("connection-closed", `the relay left: ${code} ${why}`)),
  });
  try {
    const what = "the agent's relay to answer";
    return await withDeadline(host.clock, { timeoutMs: settings.lookupTimeoutMs, what, signal }, () =>
      work(
        (frame) => session.send([frame]),
        () => said.promise,
      ),
    );
  } finally {
    session.close(goodbyeFor("connection-closed", "the visit is over"));
  }
}
