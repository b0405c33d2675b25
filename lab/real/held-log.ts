/** What a relay shows of an agent to a stranger who asks: how often that agent's keys were replaced, by the log the relay holds. */
import type { Host } from "../../packages/perdure/src/host/host.ts";
import { createIdentity, openIdentity, verifyBundle } from "../../packages/perdure/src/identity/index.ts";
import { parseRelayAddress } from "../../packages/perdure/src/protocol/link/address.ts";
import { connectSession } from "../../packages/perdure/src/protocol/link/connect.ts";
import { goodbyeFor } from "../../packages/perdure/src/protocol/link/index.ts";
import { createSettings } from "../../packages/perdure/src/settings/register.ts";
import { found, lookup } from "../../packages/perdure/src/wire/control.ts";
import { PerdureError } from "../../packages/perdure/src/wire/error.ts";
import { type AgentId, agentIdBytes } from "../../packages/perdure/src/wire/ids.ts";

export interface HeldLog {
  readonly rotations: number;
  readonly frozen: boolean;
}

/** `folder` keeps the stranger's identity from one question to the next. Throws what a session does, `malformed` when there is none. */
export async function heldLog(host: Host, folder: string, address: string, id: AgentId): Promise<HeldLog> {
  const settings = createSettings();
  const own = await openIdentity({ host, folder, settings }).catch(() =>
    createIdentity({ host, folder, role: "mail", custody: "together", settings }),
  );
  const have = { generation: new Uint8Array(8), position: 0 };
  const link = host.random.bytes(8);
  const { session } = await connectSession({ host, settings, ...parseRelayAddress(address), own, link, consume: false, have });
  try {
    const bundle = await new Promise<Uint8Array>((resolve, reject) => {
      session.start({
        frame: ({ name, payload }) => {
          if (name === "found") resolve(found.decode(payload.slice()).bundle);
        },
        drained: () => undefined,
        closed: ({ code, why }) => reject(new PerdureError("connection-closed", `${code} ${why}`)),
      });
      const asked = { request: 1, what: "agent", key: agentIdBytes(id), at: new Uint8Array(0) } as const;
      session.send([{ name: "lookup", payload: lookup.encode(asked) }]);
    });
    const { log, frozen } = await verifyBundle(host.crypto, bundle, host.clock.wallMs(), agentIdBytes(id));
    return { rotations: log.events.filter(({ kind }) => kind === "rotate").length, frozen };
  } finally {
    session.close(goodbyeFor("connection-closed", "the question is answered"));
  }
}
