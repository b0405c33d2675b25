/** The page of an agent, as `browser-agent.test.ts` drives it: what it does is called by name from outside. */
import { type Agent, isPerdureError, type OpenOptions, openAgent } from "../../src/agent/browser.ts";

const FOLDER = "/me";
/** Ids of what `send` has made durable, kept where a reload does not reach. */
const SENT = "sent";
/** Impatient where a test would wait: redials, retries. */
const QUICK = { redialMinMs: 10, redialMaxMs: 200, retryMinMs: 1, retryMaxMs: 20 };

let agent: Agent | undefined;
const handled: string[] = [];

function here(): Agent {
  if (agent === undefined) throw new Error("no agent is open in this page");
  return agent;
}

const calls = {
  open: async (options: OpenOptions = {}) => {
    agent = await openAgent(FOLDER, { ...options, settings: { ...QUICK, ...options.settings } });
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
  inbox: async () => await Array.fromAsync(here().inbox(), (mail) => mail.text()),
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
  /** The code a call fails with, or what it gives. */
  codeOf: async (work: () => Promise<unknown>) => {
    try {
      return await work();
    } catch (error) {
      return isPerdureError(error) ? error.code : String(error);
    }
  },
};

export type PageCalls = typeof calls;
Object.assign(globalThis, { perdure: calls });

declare const localStorage: { getItem(name: string): string | null; setItem(name: string, value: string): void };
