/** A machine that counts the calls of its ports that change something, as a world does, and can end its process within one of them. */

import type { OpenFile } from "../../packages/perdure/src/host/files.ts";
import type { Host } from "../../packages/perdure/src/host/host.ts";
import type { Connection } from "../../packages/perdure/src/host/net.ts";

export interface CountedHost {
  readonly host: Host;
  /** `end` is called before that call from here on does anything; 0 takes it back. */
  endAt(calls: number): void;
}

/** `end` must not return. */
export function countedHost(host: Host, end: () => never): CountedHost {
  let left = 0;
  const count = (): void => {
    if (left > 0 && --left === 0) end();
  };
  /** The port with those of its functions counted, and what they give made into something else. */
  const counted = <Port extends object>(
    port: Port,
    names: ReadonlySet<string> | "all",
    made: (name: string, given: unknown) => unknown = (_, given) => given,
  ): Port =>
    new Proxy(port, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== "function" || typeof name !== "string" || !(names === "all" || names.has(name))) return value;
        return (...words: unknown[]): unknown => {
          count();
          return made(name, Reflect.apply(value, target, words));
        };
      },
    });
  const file = (given: OpenFile): OpenFile => counted(given, new Set(["write", "sync"]));
  const connection = (given: Connection): Connection => counted(given, new Set(["send", "close"]));
  const { clock, net, files, crypto } = host;
  return {
    endAt: (calls) => {
      left = calls;
    },
    host: {
      ...host,
      clock: counted(clock, new Set(["after"])),
      files: counted(files, new Set(["open", "rename", "remove", "lock"]), (name, given) =>
        name === "open" ? (given as Promise<OpenFile>).then(file) : given,
      ),
      net: {
        get: net.get,
        dial: async (address, options) => {
          count();
          return connection(await net.dial(address, options));
        },
        listen: async (address, options) => {
          count();
          return await net.listen(address, { ...options, onConnection: (each) => options.onConnection(connection(each)) });
        },
      },
      crypto: {
        ...crypto,
        signatures: counted(crypto.signatures, "all"),
        encapsulation: counted(crypto.encapsulation, "all"),
        aead: counted(crypto.aead, "all"),
      },
    },
  };
}
