/**
 * The connections of all agents of one process: an agent that goes to a relay where another one of them is already joins its connection.
 *
 * What must hold: one agent's end is nobody else's; agents that dial one relay at the same time are no more dials than they need
 * connections, and when one of these fails, each that waited for it dials for itself; a connection that is about to be given up takes nobody in.
 */
import { throwIfAborted, withDeadline } from "../../host/deadline.ts";
import { type Bytes, hex } from "../../wire/bytes.ts";
import { type Join, join } from "../../wire/control.ts";
import { isPerdureError } from "../../wire/error.ts";
import { beWelcomed, type Connected, type ConnectOptions, connectSession, saidOf } from "./connect.ts";
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

/** A dial that others wait for. */
interface Dial {
  /** Those for whom there will be room besides the one that dials. */
  room: number;
  /** Whether who waited should look again: there is a connection to join, or what ended the dial is no trouble of theirs. */
  readonly over: Promise<boolean>;
}

export function createSharedConnections(): SharedConnections {
  // bound: one per relay that an agent of this process is at, the newest connection with it
  const lines = new Map<string, Line>();
  /** The newest dial under way, by the same. bound: the relays agents of this process are at */
  const dialling = new Map<string, Dial>();

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
    let proven = false;
    const onProven = (): void => {
      proven = true;
      options.onProven?.();
    };
    const dialled = connectSession({ ...options, carry, onProven });
    // What a relay says once and for all, it says of that agent.
    const isItsOwn = (error: unknown): boolean =>
      options.signal?.aborted === true || (proven && isPerdureError(error) && error.retry === "never");
    const over = dialled.then(({ welcome }) => sharedBy(welcome) > 1, isItsOwn);
    const agents = Math.min(options.settings.agentsPerConnection, lines.get(where)?.agents ?? Number.POSITIVE_INFINITY);
    const now: Dial = { room: agents - 1, over };
    dialling.set(where, now);
    void over.then(() => {
      if (dialling.get(where) === now) dialling.delete(where);
    });
    const first = await dialled;
    const taken = sharedBy(first.welcome);
    if (taken <= 1) return first;
    const line: Line = { transport: transport as SharedTransport, first, agents: taken, retired: false };
    lines.set(where, line);
    return { ...first, line: sharedMeter(line) };
  };

  /** `undefined` when that connection turned out to be none to join. */
  const tryToJoin = async (line: Line, options: ConnectOptions): Promise<Connected | undefined> => {
    try {
      return await joinLine(line, options);
    } catch (error) {
      if (!isPerdureError(error)) throw error;
      const isGone = line.transport.over && error.code === "connection-closed";
      if (!isGone && error.limit?.name !== "agentsPerConnection") throw error;
      line.retired = true;
      return undefined;
    }
  };

  return {
    connect: async (options) => {
      const { url, relayIdRaw, settings, signal } = options;
      if (relayIdRaw === undefined || options.role === "relay" || settings.agentsPerConnection <= 1) return connectSession(options);
      const where = `${hex(relayIdRaw)} ${url}`;
      for (;;) {
        throwIfAborted(signal, `the connection to ${url}`);
        const line = joinable(where, settings.agentsPerConnection);
        if (line !== undefined) {
          const joined = await tryToJoin(line, options);
          if (joined !== undefined) return joined;
          continue;
        }
        const underWay = dialling.get(where);
        if (underWay === undefined || underWay.room <= 0) return dial(where, options);
        underWay.room--;
        if (!(await waitFor(underWay.over, options))) return dial(where, options);
      }
    },
  };
}

/** What came of that, `true` once nobody wants to know any more, or `false` after as long as a dial of one's own may take. */
async function waitFor(over: Promise<boolean>, { host, settings, signal }: ConnectOptions): Promise<boolean> {
  let [stop, cancel] = [() => {}, () => {}];
  const enough = new Promise<boolean>((resolve) => {
    stop = () => resolve(true);
    signal?.addEventListener("abort", stop, { once: true });
    cancel = host.clock.after(settings.dialTimeoutMs, () => resolve(false));
  });
  const again = await Promise.race([over, enough]);
  signal?.removeEventListener("abort", stop);
  cancel();
  return again;
}

async function joinLine(line: Line, options: ConnectOptions): Promise<Connected> {
  const { host, settings, own, signal } = options;
  const { clock, crypto } = host;
  let { number, transport } = line.transport.open();
  const shake = async (): Promise<Connected> => {
    const { first } = line;
    const { instanceKey } = own;
    const unsigned: Join = { agentId: own.idRaw, ...saidOf(options, instanceKey.publicKey) };
    const sign = (): Promise<Bytes> => crypto.signatures.sign(instanceKey, joinToSign(crypto.hash, first.transcript, number, unsigned));
    let signature = await sign();
    // Whoever signs faster may have gone first; then this number is used up, unheard.
    while (!transport.ended && line.transport.isPast(number)) {
      transport.end(goodbyeFor("aborted", "another number is drawn"));
      ({ number, transport } = line.transport.open());
      signature = await sign();
    }
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
