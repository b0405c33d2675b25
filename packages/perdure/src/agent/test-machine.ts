/** For tests of this folder: locks and local sockets in memory, so that one test plays several processes and ends any of them. */
import type { Host } from "../host/host.ts";
import { silentLog } from "../host/log.ts";
import type { Connection, ListenOptions, Receiver } from "../host/net.ts";
import { PerdureError } from "../wire/error.ts";

export interface TestMachine {
  /** A new process on the machine. */
  process(): TestProcess;
}

export interface TestProcess {
  readonly host: Host;
  /** Ends it as `kill -9` does: its locks are free, its connections broken, nothing of it is heard again. */
  kill(): void;
}

interface End {
  readonly connection: Connection;
  receiver: Receiver | undefined;
  readonly early: Uint8Array[];
  open: boolean;
  why: string | undefined;
}

export function createTestMachine(): TestMachine {
  const locks = new Map<string, object>();
  const listeners = new Map<string, { readonly owner: object; readonly options: ListenOptions }>();

  const spawn = (): TestProcess => {
    const self = {};
    const ends = new Set<End>();
    let alive = true;
    const guard = (): void => {
      if (!alive) throw new Error("this process is dead");
    };
    const host = {
      clock: {
        wallMs: () => Date.now(),
        monotonicMs: () => performance.now(),
        after: (delayMs: number, then: () => void) => {
          const timer = setTimeout(() => alive && then(), delayMs);
          return () => clearTimeout(timer);
        },
      },
      random: { bytes: (count: number) => crypto.getRandomValues(new Uint8Array(count)) },
      log: silentLog,
      files: {
        async lock(folder: string) {
          guard();
          if (locks.has(folder)) throw new PerdureError("folder-in-use", `${folder} is in use`);
          locks.set(folder, self);
          return {
            release: async () => {
              if (locks.get(folder) === self) locks.delete(folder);
            },
          };
        },
      },
      net: {
        async dial(address: string) {
          guard();
          const listener = listeners.get(address);
          if (listener === undefined) throw new PerdureError("relay-unreachable", `nobody listens at ${address}`);
          const [near, far] = connect();
          ends.add(near);
          ownersOf(listener.owner)?.add(far);
          listener.options.onConnection(far.connection);
          return near.connection;
        },
        async listen(address: string, options: ListenOptions) {
          guard();
          listeners.set(address, { owner: self, options });
          return {
            address,
            close: async () => {
              if (listeners.get(address)?.owner === self) listeners.delete(address);
            },
          };
        },
      },
    };
    OWNED.set(self, ends);
    return {
      host: host as unknown as Host,
      kill() {
        alive = false;
        for (const [folder, owner] of locks) if (owner === self) locks.delete(folder);
        for (const [address, { owner }] of listeners) if (owner === self) listeners.delete(address);
        for (const end of ends) end.connection.close(true);
      },
    };
  };
  const OWNED = new WeakMap<object, Set<End>>();
  const ownersOf = (owner: object): Set<End> | undefined => OWNED.get(owner);
  return { process: spawn };
}

function connect(): [End, End] {
  const ends: End[] = [];
  const make = (other: () => End): End => {
    const finish = (end: End, why: string): void => {
      if (!end.open) return;
      end.open = false;
      end.why = why;
      const receiver = end.receiver;
      if (receiver !== undefined) setImmediate(() => receiver.closed(why));
    };
    const end: End = {
      receiver: undefined,
      early: [],
      open: true,
      why: undefined,
      connection: {
        remote: "test",
        local: true,
        queuedBytes: 0,
        send(message) {
          const far = other();
          if (!end.open) return;
          setImmediate(() => {
            if (!far.open) return;
            if (far.receiver === undefined) far.early.push(message);
            else far.receiver.message(message);
          });
        },
        close() {
          finish(end, "closed here");
          const far = other();
          setImmediate(() => finish(far, "closed there"));
        },
        start(receiver) {
          end.receiver = receiver;
          setImmediate(() => {
            for (const message of end.early.splice(0)) receiver.message(message);
            if (end.why !== undefined) receiver.closed(end.why);
          });
        },
      },
    };
    return end;
  };
  ends.push(
    make(() => ends[1] as End),
    make(() => ends[0] as End),
  );
  return ends as [End, End];
}
