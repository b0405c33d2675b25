/** The page of an agent, as `browser-agent.test.ts` drives it: what it does is called by name from outside. */
import { type Agent, isPerdureError, openAgent, type PageOptions } from "../../src/agent/browser.ts";
import { createBrowserHost } from "../../src/host/browser/index.ts";
import { hex } from "../../src/wire/bytes.ts";

const FOLDER = "/me";
/** Ids of what `send` has made durable, kept where a reload does not reach. */
const SENT = "sent";
/** Impatient where a test would wait: redials, retries. */
const QUICK = { redialMinMs: 10, redialMaxMs: 200, retryMinMs: 1, retryMaxMs: 20 };

let agent: Agent | undefined;
const handled: string[] = [];
/** What a person would have on paper. */
const papers = new Map<string, string>();
const recoveryPages = {
  show: async (path: string, text: string) => void papers.set(path, text),
  read: async (path: string) => papers.get(path),
};

function here(): Agent {
  if (agent === undefined) throw new Error("no agent is open in this page");
  return agent;
}

const calls = {
  open: async (options: PageOptions = {}) => {
    agent = await openAgent(FOLDER, { ...options, recoveryPages, settings: { ...QUICK, ...options.settings } });
    return (await agent.status()).role;
  },
  id: () => here().id,
  role: async () => (await here().status()).role,
  close: () => here().close(),
  send: async (to: string, text: string) => {
    const { id } = await here().send(to, text);
    localStorage.setItem(SENT, `${localStorage.getItem(SENT) ?? ""}${id}\n`);
    return id;
  },
  /** Goes on until the page ends. */
  sendMany: (to: string, count: number) => {
    for (let index = 0; index < count; index++) calls.send(to, `${index}`).catch(() => undefined);
  },
  sent: () => (localStorage.getItem(SENT) ?? "").split("\n").filter((id) => id !== ""),
  endOf: async (id: string) => {
    const sent = await here().sent(id);
    return (await sent.until("done")).state;
  },
  inbox: async () => {
    const texts: string[] = [];
    for await (const mail of here().inbox()) texts.push(await mail.text());
    return texts;
  },
  handled: () => handled,
  /** Answers whatever comes, after a while. */
  serve: (pauseMs: number) => {
    here()
      .serve(async (mail, turn) => {
        const text = await mail.text();
        handled.push(text);
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
        await turn.reply(`seen ${text}`);
      })
      .catch(() => undefined);
  },
  rotate: async (recoveryFile: string, newRecoveryFile: string) => {
    const names = { ...(recoveryFile === "" ? {} : { recoveryFile }), ...(newRecoveryFile === "" ? {} : { newRecoveryFile }) };
    return (await here().identity.rotate(names)).identity.controlKeys;
  },
  takeIn: async (recoveryFile: string) => (await here().identity.rotate({ recoveryFile, together: true })).seq,
  papers: () => Object.fromEntries(papers),
  /** Everything of the keys in this origin's storage that a script can get hold of. */
  storedKeys: async () => {
    const keys = await storedIn("keys");
    const formats = ["raw", "pkcs8", "jwk", "spki"] as const;
    return await Promise.all(
      keys.map(async ([name, value]) => {
        const { algorithm, secret, publicKey } = value as {
          algorithm: string;
          secret: Parameters<typeof crypto.subtle.exportKey>[1];
          publicKey: Uint8Array;
        };
        const exported = await Promise.allSettled(formats.map((format) => crypto.subtle.exportKey(format as "raw", secret)));
        return {
          name: String(name),
          algorithm,
          publicKey: hex(publicKey),
          type: secret.type,
          extractable: secret.extractable,
          exports: exported.filter(({ status }) => status === "fulfilled").length,
        };
      }),
    );
  },
  /** Every byte that files hold in this origin's storage, hexadecimal. */
  storedBytes: async () => (await storedIn("blocks")).map(([, block]) => hex(block as Uint8Array)),
  keysFile: async () => {
    const file = await createBrowserHost().files.open(`${FOLDER}/identity/keys.cbor`, "read");
    try {
      return hex(await file.read(0, await file.size()));
    } finally {
      await file.close();
    }
  },
  /** The code a call fails with, or what it gives. */
  codeOf: async (work: () => Promise<unknown>) => {
    try {
      return await work();
    } catch (error) {
      return isPerdureError(error) ? error.code : String(error);
    }
  },
};

async function storedIn(store: string): Promise<readonly (readonly [unknown, unknown])[]> {
  const done = <Value>(request: Request<Value>): Promise<Value> =>
    new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  const database = await done(indexedDB.open("perdure"));
  const all = database.transaction([store]).objectStore(store);
  const [keys, values] = await Promise.all([done(all.getAllKeys()), done(all.getAll())]);
  database.close();
  return keys.map((key, at) => [key, values[at]] as const);
}

export type PageCalls = typeof calls;
Object.assign(globalThis, { perdure: calls });

interface Request<Value> {
  readonly result: Value;
  readonly error: unknown;
  onsuccess: (() => void) | null;
  onerror: (() => void) | null;
}
declare const indexedDB: {
  open(name: string): Request<{
    transaction(stores: readonly string[]): {
      objectStore(name: string): { getAll(): Request<readonly unknown[]>; getAllKeys(): Request<readonly unknown[]> };
    };
    close(): void;
  }>;
};
declare const localStorage: { getItem(name: string): string | null; setItem(name: string, value: string): void };
