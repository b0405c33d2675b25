/**
 * The connections of all agents of one process: an agent that goes to a relay where another one of them is already joins its connection.
 *
 * What must hold: one agent's end is nobody else's; agents that dial one relay at the same time wait for one of them, and when that fails
 * each dials for itself; a connection that is about to be given up takes nobody in.
 */
import { withDeadline } from "../../host/deadline.ts";
import { type Bytes, EMPTY, hex } from "../../wire/bytes.ts";
import { type Join, join } from "../../wire/control.ts";
import { isPerdureError } from "../../wire/error.ts";
import { beWelcomed, type Connected, type ConnectOptions, connectSession } from "./connect.ts";
import { goodbyeFor, goodbyeOf } from "./goodbyes.ts";
import { joinToSign, sharedBy } from "./join-proof.ts";
import type { LineMeter } from "./line-meter.ts";
import { createSharedTransport, type SharedTransport } from "./shared-transport.ts";

export interface SharedConnections {
  /** As `connectSession`; on a connection that is open already when there is one with room. */
  connect(options: ConnectOptions): Promise<Connected>;
}

interface Line {
  readonly transport: SharedTransport;
  readonly first: Connected;
  /** Agents the relay takes on it. */
  readonly agents: number;
  /** Nobody joins it any more. */
  retired: boolean;
}

export function createSharedConnections(): SharedConnections {
  // bound: one per relay that an agent of this process is at, the newest connection with it
  const lines = new Map<string, Line>();
  /** Dials under way, by the same. bound: the relays agents of this process are at */
  const dialling = new Map<string, Promise<void>>();

  const joinable = (where: string, agents: number): Line | undefined => {
    const line = lines.get(where);
    if (line === undefined) return undefined;
    if (!line.retired && line.transport.hasRoom) return line.transport.sessions < Math.min(line.agents, agents) ? line : undefined;
    lines.delete(where);
    return undefined;
  };

  const dial = async (where: string, options: ConnectOptions): Promise<Connected> => {
    let transport: SharedTransport | undefined;
    const carry: ConnectOptions["carry"] = (connection) => {
      transport = createSharedTransport(connection);
      return transport;
    };
    const dialled = connectSession({ ...options, carry });
    if (!dialling.has(where)) {
      const over = dialled.then(
        () => {},
        () => {},
      );
      dialling.set(where, over);
      void over.then(() => dialling.delete(where));
    }
    const first = await dialled;
    const agents = sharedBy(first.welcome);
    if (agents <= 1) return first;
    const line: Line = { transport: transport as SharedTransport, first, agents, retired: false };
    lines.set(where, line);
    return { ...first, line: sharedMeter(line) };
  };

  return {
    connect: async (options) => {
      const { url, relayIdRaw, settings } = options;
      if (relayIdRaw === undefined || options.role === "relay" || settings.agentsPerConnection <= 1) return connectSession(options);
      const where = `${hex(relayIdRaw)} ${url}`;
      const underWay = dialling.get(where);
      if (underWay !== undefined && joinable(where, settings.agentsPerConnection) === undefined) await waitFor(underWay, options.signal);
      const line = joinable(where, settings.agentsPerConnection);
      if (line === undefined) return dial(where, options);
      try {
        return await joinLine(line, options);
      } catch (error) {
        const isFull = isPerdureError(error) && error.limit?.name === "agentsPerConnection";
        if (!isFull && !line.transport.over) throw error;
        line.retired = true;
        return dial(where, options);
      }
    },
  };
}

/** Until that is over or nobody wants to know any more. */
async function waitFor(over: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal?.aborted === true) return;
  let stop = (): void => {};
  const aborted = new Promise<void>((resolve) => {
    stop = resolve;
    signal?.addEventListener("abort", stop, { once: true });
  });
  await Promise.race([over, aborted]);
  signal?.removeEventListener("abort", stop);
}

async function joinLine(line: Line, options: ConnectOptions): Promise<Connected> {
  const { host, settings, own, signal } = options;
  const { clock, crypto } = host;
  const { number, transport } = line.transport.open();
  const shake = async (): Promise<Connected> => {
    const { first } = line;
    const unsigned: Join = {
      agentId: own.idRaw,
      bundle: own.bundle(),
      link: options.link,
      consume: options.consume,
      haveGeneration: options.have.generation,
      havePosition: options.have.position,
      ticket: options.ticket ?? "",
      pass: options.pass?.(own.instanceKey.publicKey) ?? EMPTY,
      signature: new Uint8Array(64),
      extensions: [],
    };
    const signature: Bytes = await crypto.signatures.sign(own.instanceKey, joinToSign(crypto.hash, first.transcript, number, unsigned));
    const askedAtMs = clock.wallMs();
    transport.send([{ name: "join", payload: join.encode({ ...unsigned, signature }) }]);
    transport.protect({ sending: undefined, receiving: undefined });
    options.onProven?.();
    const begun = await beWelcomed(options, transport, first.session.mode);
    const clockOffsetMs = Math.round(begun.welcome.relayTimeMs - (askedAtMs + clock.wallMs()) / 2);
    const { relay, relayInstanceKey, transcript } = first;
    return { ...begun, relay, relayInstanceKey, transcript, clockOffsetMs, line: sharedMeter(line) };
  };
  try {
    const what = `the handshake with ${options.url}`;
    return await withDeadline(clock, { timeoutMs: settings.handshakeTimeoutMs, what, signal }, shake);
  } catch (error) {
    transport.end(isPerdureError(error) ? goodbyeOf(error) : goodbyeFor("aborted", "the agent gave up"));
    throw error;
  }
}

/** What one of several sessions may say of the connection: that it broke is seen by all, how long it would have lived on by none. */
function sharedMeter(line: Line): LineMeter {
  const { connection, times } = line.first.line;
  return {
    connection,
    times: () => {
      const lived = times();
      return lived.broke ? lived : { ...lived, endedHere: true };
    },
    giveUp: () => {
      line.retired = true;
    },
  };
}
