/**
 * The holder's side of the local socket: serves the agent to the other processes that opened the same folder.
 *
 * What must hold: whoever can reach the socket can read the folder (mode 0700), so a guest is trusted as its owner is.
 * A guest claims for itself only, and every call it has open ends with its connection: nothing stays claimed by somebody who
 * never leaves. A guest whose connection ends has left, unless it has connected again meanwhile or this holder is the one who
 * goes: then its claims are for the next holder to judge.
 */
import type { Host } from "../host/host.ts";
import type { Connection, Listener } from "../host/net.ts";
import { PerdureError } from "../wire/error.ts";
import { MAX_TRANSPORT_BYTES } from "../wire/limits.ts";
import { decodeLocalCall, decodeLocalHello, encodeLocalFailure, encodeLocalHello, encodeLocalValue } from "../wire/local.ts";
import type { AgentCore, ClientId } from "./core.ts";
import { CALLS_IN_FLIGHT, isCallName, isOwnCall, makeCall } from "./local-calls.ts";
import { type LocalChannel, MAX_WAITING_BYTES, openLocalChannel } from "./local-channel.ts";

const SOCKET_NAME = "agent.sock";

export function socketAddress(folder: string): string {
  return `unix:${folder}/${SOCKET_NAME}`;
}

export interface Holder {
  /** Stops serving: every guest sees its connection end and looks for the next holder. */
  close(): Promise<void>;
}

export interface HolderOptions {
  readonly host: Host;
  readonly folder: string;
  readonly agent: string;
  readonly core: AgentCore;
}

/** Serves `core` at the folder's socket; the caller holds the folder's lock. */
export async function serveGuests({ host, folder, agent, core }: HolderOptions): Promise<Holder> {
  // bound: one per process of this machine that has the folder open
  const guests = new Map<ClientId, LocalChannel>();
  // bound: one per process of this machine that has the folder open
  const channels = new Set<LocalChannel>();
  let serving = true;

  const onConnection = (connection: Connection): void => {
    const calls = new Map<number, AbortController>();
    let client: ClientId | undefined;
    const channel: LocalChannel = openLocalChannel(connection, {
      content: (kind, number, content) => {
        if (kind === "ping") return channel.send("pong", 0);
        if (kind === "hello" && client === undefined) {
          client = decodeLocalHello(content).client;
          guests.set(client, channel);
          return channel.send("hello", 0, encodeLocalHello({ client, agent }));
        }
        if (kind === "cancel") return calls.get(number)?.abort();
        if (kind !== "call" || client === undefined || calls.has(number))
          throw new PerdureError("malformed", `local message: a ${kind} ${number} is not expected here`);
        answer(number, content);
      },
      closed: (why) => {
        channels.delete(channel);
        for (const call of calls.values()) call.abort();
        if (client === undefined || guests.get(client) !== channel) return;
        guests.delete(client);
        if (!serving) return;
        host.log.write("debug", "agent.guest-left", { client, why: why.message });
        core
          .leave(client)
          .catch((error: unknown) => host.log.write("error", "agent.guest-not-released", { client: client ?? "", why: String(error) }));
      },
    });
    channels.add(channel);

    const answer = (number: number, content: Uint8Array): void => {
      // Answers that nobody reads must not pile up here: such a guest has left.
      if (channel.waitingBytes > MAX_WAITING_BYTES) return channel.close();
      const controller = new AbortController();
      const call = async (): Promise<unknown> => {
        if (calls.size >= CALLS_IN_FLIGHT)
          throw new PerdureError("too-busy", `${CALLS_IN_FLIGHT} calls of one process are open`, { retry: "after" });
        calls.set(number, controller);
        const { method, values } = decodeLocalCall(content);
        if (!isCallName(method))
          throw new PerdureError("needs-newer-version", `the process that holds this folder has no call "${method}"`, {
            hint: "Run both processes with the same version of perdure.",
          });
        if (!isOwnCall(method, values, client)) throw new PerdureError("bad-argument", `${method} is called for another process`);
        return await makeCall(core, method, values, controller.signal);
      };
      call()
        .then(
          (value) => channel.send("result", number, encodeLocalValue(value)),
          (error: unknown) => channel.send("failure", number, encodeLocalFailure(error)),
        )
        .catch((error: unknown) => channel.send("failure", number, encodeLocalFailure(error)))
        .finally(() => {
          if (calls.get(number) === controller) calls.delete(number);
        })
        .catch((error: unknown) => host.log.write("error", "agent.call-not-answered", { why: String(error) }));
    };
  };

  const listener: Listener = await host.net.listen(socketAddress(folder), { maxMessageBytes: MAX_TRANSPORT_BYTES, onConnection });
  return {
    async close() {
      serving = false;
      for (const channel of channels) channel.close();
      await listener.close();
    },
  };
}
