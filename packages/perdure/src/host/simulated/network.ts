/**
 * The network between the processes of a world. Addresses are those of one namespace: whoever listens on
 * `ws://127.0.0.1:4410` or `ws://relay:4410` is found there by every process; `unix:` paths belong to a disk.
 *
 * Default faults are those TCP lets through: delay, a link that is down for a while, a connection that breaks, one that
 * stays open and carries nothing. Lost, doubled, reordered and changed messages need the middlebox of a link profile.
 */
import { PerdureError } from "../../wire/error.ts";
import type { Answer, Connection, DialOptions, GetOptions, Listener, ListenOptions, Net } from "../net.ts";
import { isIpAddress, isPublicAddress } from "../public-address.ts";
import { createDatagrams, type Datagrams } from "./datagrams.ts";
import type { Draws } from "./draws.ts";
import type { History } from "./history.ts";
import { endpointText, type Nat } from "./nat.ts";
import type { LinkProfile } from "./pipe.ts";
import { createRealms, type Realms, type Routed } from "./realms.ts";
import { called, type Process, type Schedule } from "./schedule.ts";
import type { Endpoint } from "./simulated-connection.ts";
import { createEndpoints } from "./simulated-connection.ts";
import type { Watch } from "./watcher.ts";

export interface Network {
  /** The Net of one process; `disk` is the namespace of its `unix:` paths. */
  net(process: Process, disk: string): Net;
  /** The direction from one host name to another; change its fields at any time, then call `touched`. */
  link(from: string, to: string): LinkProfile;
  /** Both directions between the two are as at the beginning; what waited goes on. */
  restore(a: string, b: string): void;
  /** Lets links that are up again carry what waited, and new limits of middleboxes hold for open connections. */
  touched(): void;
  /** Breaks every connection between the two (or of one host), both ends hear it at once. */
  cut(a: string, b?: string): number;
  /** Every connection between the two (or of one host) stays open and never carries anything again. */
  stall(a: string, b?: string): number;
  /** A host has another address: what it sends on a connection opened before is answered by a reset, what is sent to it goes nowhere. */
  move(host: string): number;
  /** Who is behind which translator. Connections to a host behind one come from within its realm only, and nobody hears why not. */
  readonly realms: Realms;
  /** A translator starts anew: what went through it is as after a {@link Network.move}. */
  restart(nat: Nat): number;
  readonly datagrams: Datagrams;
  /** Connections that are open now. */
  readonly connections: number;
  /** The process died. With `silent` nobody is told, as when a machine loses its power. */
  died(process: Process, silent: boolean): void;
  /** Plain HTTP at a listener; `remote` is where it comes from, this machine when nobody says. */
  request(address: string, request: Request, remote?: string): Promise<Response>;
}

export interface NetworkOptions {
  readonly schedule: Schedule;
  readonly draws: Draws;
  readonly history: History;
  readonly defaultLink: LinkProfile;
  /** Whether `ws:` connections count as local (`Connection.local`). `unix:` ones always do. */
  readonly localConnections: boolean;
  readonly watch: Watch;
}

interface Listening {
  readonly process: Process;
  readonly options: ListenOptions;
  readonly connections: Set<Endpoint>;
}

interface Open {
  readonly ends: readonly [Endpoint, Endpoint];
  /** Over the network, and not by a path on a disk. */
  readonly remote: boolean;
}

const FIRST_FREE_PORT = 20_000;
/** Where a connection comes from: the ports of systems for that. */
const EPHEMERAL = { first: 32_768, count: 28_000 };
const LOCAL_LINK_LATENCY_MS = 0.02;

export function createNetwork(options: NetworkOptions): Network {
  const { schedule, draws, history } = options;
  const listeners = new Map<string, Listening>();
  const links = new Map<string, LinkProfile>();
  /** Where a machine listened that is gone without a word, and its name: until it begins anew nobody there says that nobody listens. */
  const dark = new Map<string, string>();
  const open = new Set<Open>();
  const socketLink: LinkProfile = { ...options.defaultLink, latencyMs: LOCAL_LINK_LATENCY_MS, jitterMs: 0 };
  let dialled = 0;
  let freePort = FIRST_FREE_PORT;
  let ephemeral = 0;
  const realms = createRealms();

  const link = (from: string, to: string): LinkProfile => {
    const key = `${from}>${to}`;
    let profile = links.get(key);
    if (profile === undefined) {
      profile = { ...options.defaultLink, middlebox: { ...options.defaultLink.middlebox } };
      links.set(key, profile);
    }
    return profile;
  };

  const profileOf = (place: Place, from: Process, to: Process): LinkProfile =>
    place.kind === "unix" ? socketLink : link(from.name, to.name);

  const between = (a: string, b: string | undefined): Open[] =>
    [...open].filter(({ ends: [first, second] }) => {
      const names = [first.process.name, second.process.name];
      return names.includes(a) && (b === undefined || (names.includes(b) && (a !== b || names[0] === names[1])));
    });

  /** The way of a connection; `undefined` when it goes nowhere. */
  const wayOf = (place: Place, dialler: Process, listening: Listening): Routed | undefined => {
    const to = { host: listening.process.name, port: place.port };
    const from = { host: dialler.name, port: EPHEMERAL.first + (ephemeral++ % EPHEMERAL.count) };
    return place.kind === "unix" ? { from, to } : realms.route("tcp", from, to, schedule.nowUs / 1000);
  };

  const accept = (place: Place, dialler: Process, dial: DialOptions, listening: Listening, way: Routed): Connection => {
    const number = dialled++;
    const nats = place.kind === "unix" ? [] : realms.chainOf(dialler.name);
    const [theirs, ours] = createEndpoints({
      schedule,
      draws: draws.fork(`connection ${number}`),
      local: place.kind === "unix" || options.localConnections,
      sides: [
        {
          process: dialler,
          remote: place.address,
          maxMessageBytes: dial.maxMessageBytes,
          profile: profileOf(place, dialler, listening.process),
        },
        {
          process: listening.process,
          remote: way.from.host === dialler.name ? `${dialler.name}:${number}` : endpointText(way.from),
          maxMessageBytes: listening.options.maxMessageBytes,
          profile: profileOf(place, listening.process, dialler),
        },
      ],
      forgetsAfterMs: Math.min(...nats.map(({ behaviour }) => behaviour.idleMs.tcp)),
      resets: nats.some(({ behaviour }) => behaviour.resets),
      onMessage: (message) => history.bytes(message),
      watch: options.watch,
      onOver: () => {
        open.delete(entry);
        listening.connections.delete(ours);
      },
    });
    const entry: Open = { ends: [theirs, ours], remote: place.kind === "ws" };
    open.add(entry);
    listening.connections.add(ours);
    listening.options.onConnection(ours.connection);
    return theirs.connection;
  };

  const dial = (process: Process, place: Place, given: DialOptions): Promise<Connection> =>
    new Promise((resolve, reject) => {
      called(process);
      if (!process.alive) return;
      if (given.signal?.aborted) return reject(new PerdureError("aborted", `stopped dialling ${place.address}`));
      let over = false;
      const finish = (settle: () => void): void => {
        if (over) return;
        over = true;
        cancelTimeout();
        given.signal?.removeEventListener("abort", onAbort);
        settle();
      };
      const onAbort = (): void => finish(() => reject(new PerdureError("aborted", `stopped dialling ${place.address}`)));
      const cancelTimeout = schedule.at(schedule.nowUs + given.timeoutMs * 1000, "net.dial-timeout", process, () =>
        finish(() =>
          reject(new PerdureError("timed-out", `${place.address} did not answer within ${given.timeoutMs} ms`, { retry: "after" })),
        ),
      );
      given.signal?.addEventListener("abort", onAbort, { once: true });

      const target = listeners.get(place.key);
      const there = target === undefined ? options.defaultLink : profileOf(place, process, target.process);
      const back = target === undefined ? options.defaultLink : profileOf(place, target.process, process);
      const tripUs = (profile: LinkProfile): number =>
        (profile.latencyMs + (profile.jitterMs > 0 ? draws.wait(profile.jitterMs) : 0)) * 1000;
      const answer = (label: string, settle: () => void): void =>
        void schedule.at(schedule.nowUs + tripUs(back), label, process, () => finish(settle));
      schedule.at(schedule.nowUs + tripUs(there), "net.dial", undefined, () => {
        const listening = listeners.get(place.key);
        if (there.down || back.down) return;
        if (listening === undefined) {
          if (dark.has(place.key)) return;
          answer("net.refused", () => reject(unreachable(place.address)));
          return;
        }
        const way = wayOf(place, process, listening);
        if (way === undefined) return;
        schedule.at(schedule.nowUs, "net.accept", listening.process, () => {
          if (over || !process.alive) return;
          if (listeners.get(place.key) !== listening) {
            answer("net.refused", () => reject(unreachable(place.address)));
            return;
          }
          const connection = accept(place, process, given, listening, way);
          let taken = false;
          answer("net.dialled", () => {
            taken = true;
            resolve(connection);
          });
          // A dial that was given up in the meantime must not leave a connection nobody owns.
          schedule.at(schedule.nowUs + given.timeoutMs * 1000, "net.dial-leftover", process, () => {
            if (!taken) connection.close(true);
          });
        });
      });
    });

  const refuseInside = (place: Place, publicOnly: boolean | undefined): void => {
    if (publicOnly === true && (place.host === "localhost" || (isIpAddress(place.host) && !isPublicAddress(place.host))))
      throw new PerdureError("peer-forbidden", `${place.address} is no address for everybody`);
  };

  const get = (process: Process, place: Place, url: URL, given: GetOptions): Promise<Answer> =>
    new Promise((resolve, reject) => {
      called(process);
      if (!process.alive) return;
      if (given.signal?.aborted) return reject(new PerdureError("aborted", `stopped asking ${url.href}`));
      const end = (settle: () => void): void => {
        cancelTimeout();
        given.signal?.removeEventListener("abort", onAbort);
        settle();
      };
      const onAbort = (): void => end(() => reject(new PerdureError("aborted", `stopped asking ${url.href}`)));
      const cancelTimeout = schedule.at(schedule.nowUs + given.timeoutMs * 1000, "net.get-timeout", process, () =>
        end(() => reject(new PerdureError("timed-out", `${url.href} did not answer within ${given.timeoutMs} ms`, { retry: "after" }))),
      );
      given.signal?.addEventListener("abort", onAbort, { once: true });
      const target = listeners.get(place.key);
      const there = target === undefined ? options.defaultLink : profileOf(place, process, target.process);
      const back = target === undefined ? options.defaultLink : profileOf(place, target.process, process);
      const answer = (settle: () => void): void =>
        void schedule.at(schedule.nowUs + back.latencyMs * 1000, "net.got", process, () => end(settle));
      schedule.at(schedule.nowUs + there.latencyMs * 1000, "net.get", target?.process, async () => {
        const listening = listeners.get(place.key);
        if (there.down || back.down || dark.has(place.key)) return;
        if (listening?.options.onRequest === undefined) return answer(() => reject(unreachable(url.href)));
        const response = await listening.options.onRequest(new Request(url, { headers: { host: url.host } }), `${process.name}:0`);
        const body = new Uint8Array(await response.arrayBuffer());
        if (body.length > given.maxBytes) answer(() => reject(new PerdureError("too-large", `more than ${given.maxBytes} bytes`)));
        else answer(() => resolve({ status: response.status, body }));
      });
    });

  const listen = (process: Process, place: Place, given: ListenOptions): Listener => {
    let bound = place;
    while (bound.port === 0) {
      const candidate = withPort(place, freePort++);
      if (!listeners.has(candidate.key)) bound = candidate;
    }
    if (listeners.has(bound.key)) {
      throw new PerdureError("address-in-use", `${bound.address} is taken`, { hint: "Stop the other program, or use another port." });
    }
    const listening: Listening = { process, options: given, connections: new Set() };
    listeners.set(bound.key, listening);
    return {
      address: bound.address,
      renewTls: () => undefined,
      close: async () => {
        if (listeners.get(bound.key) === listening) listeners.delete(bound.key);
        const ends = [...listening.connections];
        for (const end of ends) end.connection.close();
        await Promise.all(ends.map((end) => end.ended));
      },
    };
  };

  const move = (host: string): number => {
    const ends = between(host, undefined).flatMap((each) => (each.remote ? each.ends.filter((end) => end.process.name === host) : []));
    for (const end of ends) end.move();
    return ends.length;
  };

  const touched = (): void => {
    for (const { ends } of open) for (const end of ends) end.touched();
  };

  return {
    link,
    restore: (a, b) => {
      for (const profile of [link(a, b), link(b, a)])
        Object.assign(profile, options.defaultLink, { middlebox: Object.assign(profile.middlebox, options.defaultLink.middlebox) });
      touched();
    },
    get connections() {
      return open.size;
    },
    net: (process, disk) => {
      // Its machine runs again: it says that nobody listens there yet, and that it knows nothing of connections of before.
      for (const [key, name] of dark) if (name === process.name) dark.delete(key);
      for (const { ends } of open) {
        const survivors = ends.filter((_, at) => ends[1 - at]?.process.name === process.name && ends[1 - at]?.process.alive === false);
        for (const end of survivors) end.move();
      }
      return {
        dial: async (address, given) => {
          const place = placeOf(address, disk);
          refuseInside(place, given.publicOnly);
          return await dial(process, place, given);
        },
        listen: async (address, given) => {
          const place = placeOf(address, disk);
          called(process);
          await new Promise<void>((resolve) => void schedule.at(schedule.nowUs, "net.listen", process, resolve));
          return listen(process, place, given);
        },
        get: async (address, given) => {
          const url = URL.canParse(address) ? new URL(address) : undefined;
          if (url?.protocol !== "http:" && url?.protocol !== "https:")
            throw new PerdureError("bad-argument", `"${address}" is not an address`);
          const place = placeOf(url.protocol === "http:" ? `ws://${url.host}` : `wss://${url.host}`, disk);
          refuseInside(place, given.publicOnly);
          return await get(process, place, url, given);
        },
      };
    },
    touched,
    cut: (a, b) => {
      const hit = between(a, b);
      for (const { ends } of hit) for (const end of ends) if (end.process.alive) end.reset("connection reset");
      return hit.length;
    },
    stall: (a, b) => {
      const hit = between(a, b);
      for (const { ends } of hit) for (const end of ends) end.out.stall();
      return hit.length;
    },
    move,
    realms,
    restart: (nat) => {
      nat.restart();
      return realms.behind(nat).reduce((moved, host) => moved + move(host), 0);
    },
    datagrams: createDatagrams({ schedule, draws: draws.fork("datagrams"), realms, link }),
    died: (process, silent) => {
      for (const [key, listening] of listeners) {
        if (listening.process !== process) continue;
        listeners.delete(key);
        if (silent) dark.set(key, process.name);
      }
      for (const { ends } of [...open]) for (const end of ends) if (end.process === process) end.died(silent);
    },
    request: async (address, request, remote = "127.0.0.1:0") => {
      const listening = listeners.get(placeOf(address, "").key);
      if (listening?.options.onRequest === undefined) throw unreachable(address);
      return await listening.options.onRequest(request, remote);
    },
  };
}

interface Place {
  readonly kind: "ws" | "unix";
  readonly key: string;
  readonly address: string;
  readonly host: string;
  readonly port: number;
}

function placeOf(address: string, disk: string): Place {
  if (address.startsWith("unix:")) return { kind: "unix", key: `unix:${disk}:${address.slice(5)}`, address, host: "", port: 1 };
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url?.protocol !== "ws:" && url?.protocol !== "wss:") {
    throw new PerdureError("bad-argument", `"${address}" is not an address`, {
      hint: "Use ws://host:port, wss://host:port or unix:/path.",
    });
  }
  const port = url.port === "" ? (url.protocol === "ws:" ? 80 : 443) : Number(url.port);
  return withPort(
    { kind: "ws", key: "", address: url.protocol, host: url.hostname === "localhost" ? "127.0.0.1" : url.hostname, port },
    port,
  );
}

function withPort(place: Place, port: number): Place {
  const scheme = place.address.startsWith("wss:") ? "wss" : "ws";
  return { ...place, port, key: `${place.host}:${port}`, address: `${scheme}://${place.host}:${port}` };
}

function unreachable(address: string): PerdureError {
  return new PerdureError("relay-unreachable", `nobody answers at ${address}`, {
    retry: "after",
    hint: "Start the relay, or check its address.",
  });
}
