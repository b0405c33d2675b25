/**
 * Datagrams between the hosts of a world: they are lost, late, and go through translators. Only the simulator has them; no port of
 * the product does.
 */

import type { Draws } from "./draws.ts";
import type { NatEndpoint } from "./nat.ts";
import type { LinkProfile } from "./pipe.ts";
import type { Realms } from "./realms.ts";
import type { Process, Schedule } from "./schedule.ts";

export interface DatagramSocket {
  /** Where it is in the realm of its host. */
  readonly local: NatEndpoint;
  send(to: NatEndpoint, bytes: Uint8Array): void;
  close(): void;
}

export interface Datagrams {
  /** A socket of a process; port 0 takes a free one. `received` learns where the sender seems to be. */
  open(process: Process, port: number, received: (bytes: Uint8Array, from: NatEndpoint) => void): DatagramSocket;
}

export interface DatagramsOptions {
  readonly schedule: Schedule;
  readonly draws: Draws;
  readonly realms: Realms;
  readonly link: (from: string, to: string) => LinkProfile;
}

const FIRST_FREE_PORT = 40_000;

export function createDatagrams({ schedule, draws, realms, link }: DatagramsOptions): Datagrams {
  const sockets = new Map<string, { readonly process: Process; readonly received: (bytes: Uint8Array, from: NatEndpoint) => void }>();
  let freePort = FIRST_FREE_PORT;

  return {
    open: (process, port, received) => {
      const local: NatEndpoint = { host: process.name, port: port === 0 ? freePort++ : port };
      const key = `${local.host}:${local.port}`;
      const socket = { process, received };
      sockets.set(key, socket);
      return {
        local,
        send: (to, bytes) => {
          if (!process.alive || sockets.get(key) !== socket) return;
          const routed = realms.route("udp", local, to, schedule.nowUs / 1000);
          if (routed === undefined) return;
          const profile = link(local.host, routed.to.host);
          if (profile.down || draws.chance(profile.loss)) return;
          const lateMs = profile.latencyMs + (profile.jitterMs > 0 ? draws.wait(profile.jitterMs) : 0);
          const target = sockets.get(`${routed.to.host}:${routed.to.port}`);
          const kept = bytes.slice();
          if (target !== undefined)
            schedule.at(schedule.nowUs + lateMs * 1000, "net.datagram", target.process, () => target.received(kept, routed.from));
        },
        close: () => {
          if (sockets.get(key) === socket) sockets.delete(key);
        },
      };
    },
  };
}
