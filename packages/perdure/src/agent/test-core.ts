/** For tests of this folder: an agent in memory. `TestDisk` is what survives its process; the relay is the test itself. */
import { EMPTY } from "../wire/bytes.ts";
import { PerdureError } from "../wire/error.ts";
import { type AgentId, agentIdText, type MessageId } from "../wire/ids.ts";
import type { Box, DeliveryState, Step } from "./api.ts";
import type { AgentCore, ClaimedMail, ClaimKey, ClientId, Completion, Engine, MailKey, MailView, OutgoingView } from "./core.ts";

export interface TestMail {
  view: MailView;
  readonly content: Uint8Array;
  committed: Completion | undefined;
}

export interface TestDisk {
  readonly id: AgentId;
  readonly outgoing: Map<string, OutgoingView>;
  readonly mails: TestMail[];
  arrivals: number;
}

export interface TestEngine extends Engine {
  /** Lets a message arrive. */
  arrive(text: string, fields?: Partial<MailView>): MailView;
  /** Lets a step happen to a message that was sent. */
  step(id: MessageId, state: DeliveryState): void;
  readonly left: readonly ClientId[];
}

export function createTestDisk(): TestDisk {
  return { id: agentIdText(new Uint8Array(32).fill(7)), outgoing: new Map(), mails: [], arrivals: 0 };
}

export const TEST_SENDER: AgentId = agentIdText(new Uint8Array(32).fill(9));

export function createTestEngine(disk: TestDisk): TestEngine {
  const holders = new Map<TestMail, ClientId>();
  const watchers = new Set<() => void>();
  const left: ClientId[] = [];
  let open = true;

  const changed = (): void => {
    for (const wake of [...watchers]) wake();
  };
  const waitFor = <Value>(find: () => Value | undefined, signal: AbortSignal): Promise<Value> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const stop = (): void => {
          watchers.delete(look);
          signal.removeEventListener("abort", look);
        };
        if (!open || signal.aborted) {
          stop();
          return reject(new PerdureError("aborted", "stopped waiting"));
        }
        const value = find();
        if (value === undefined) return;
        stop();
        resolve(value);
      };
      watchers.add(look);
      signal.addEventListener("abort", look);
      look();
    });
  const find = (key: MailKey): TestMail => {
    const mail = disk.mails.find((each) => each.view.from === key.from && each.view.id === key.id);
    if (mail === undefined) throw new PerdureError("unknown-message", `no message ${key.id}`);
    return mail;
  };
  const sent = (id: MessageId): OutgoingView => {
    const view = [...disk.outgoing.values()].find((each) => each.id === id);
    if (view === undefined) throw new PerdureError("unknown-message", `no message ${id}`);
    return view;
  };
  const start = (mail: TestMail, client: ClientId): ClaimedMail => {
    holders.set(mail, client);
    mail.view = { ...mail.view, attempt: mail.view.attempt + 1 };
    return { mail: mail.view, handlerTimeoutMs: 60_000 };
  };
  const free = (mail: TestMail): boolean => mail.committed === undefined && mail.view.box === "contacts" && !holders.has(mail);
  const fenced = (claim: ClaimKey): PerdureError => new PerdureError("fenced", `attempt ${claim.attempt} of ${claim.id} is over`);
  const open_ = (box: Box, after: number): MailView[] =>
    disk.mails
      .filter((each) => each.committed === undefined && each.view.box === box && each.view.arrival > after)
      .map((each) => each.view);

  const core: AgentCore = {
    async submit({ requestId, draft }) {
      const known = disk.outgoing.get(requestId);
      if (known !== undefined) return known;
      const id = `${"0".repeat(15)}1.${disk.outgoing.size + 1}` as MessageId;
      const view: OutgoingView = {
        id,
        to: draft.to,
        expiresAtMs: Date.now() + (draft.expiresInMs ?? 60_000),
        toName: undefined,
        steps: [stepOf("queued")],
        late: [],
        home: undefined,
        trouble: undefined,
        ended: false,
      };
      disk.outgoing.set(requestId, view);
      return view;
    },
    outgoing: async (id) => sent(id),
    outgoingAfter: (id, have, signal) => waitFor(() => (sent(id).steps.length > have || sent(id).ended ? sent(id) : undefined), signal),
    evidence: async () => EMPTY,
    outgoings: async (limit) => [...disk.outgoing.values()].reverse().slice(0, limit),
    mails: async (box, after, limit) => open_(box, after).slice(0, limit),
    mailsAfter: (box, after, limit, signal) =>
      waitFor(() => (open_(box, after).length > 0 ? open_(box, after).slice(0, limit) : undefined), signal),
    mail: async (key) => find(key).view,
    readPart: async (key) => find(key).content,
    claim: (client, signal) =>
      waitFor(() => {
        const mail = disk.mails.find(free);
        return mail === undefined ? undefined : start(mail, client);
      }, signal),
    answer: (client, to, signal) =>
      waitFor(() => {
        const mail = disk.mails.find((each) => free(each) && each.view.inReplyTo === to);
        return mail === undefined ? undefined : start(mail, client);
      }, signal),
    async adopt(client, claim) {
      const mail = find(claim);
      if (!free(mail) || mail.view.attempt !== claim.attempt) return false;
      holders.set(mail, client);
      return true;
    },
    async complete(completion) {
      const mail = find(completion);
      if (mail.view.attempt !== completion.attempt) throw fenced(completion);
      if (mail.committed !== undefined) return;
      mail.committed = completion;
      holders.delete(mail);
    },
    async release(claim, failed, why) {
      const mail = find(claim);
      if (mail.committed !== undefined || mail.view.attempt !== claim.attempt) throw fenced(claim);
      holders.delete(mail);
      if (failed && why === "to the failed box") mail.view = { ...mail.view, box: "failed", arrival: ++disk.arrivals };
      changed();
    },
    async finish(key, outcome, why) {
      const mail = find(key);
      mail.committed = { ...key, attempt: mail.view.attempt, outcome, why, drafts: [] };
    },
    async retry(key) {
      const mail = find(key);
      mail.view = { ...mail.view, box: "contacts", arrival: ++disk.arrivals };
      changed();
    },
    identity: () => Promise.reject(noIdentity()),
    changeIdentity: () => Promise.reject(noIdentity()),
    exportIdentity: () => Promise.reject(noIdentity()),
    setPassphrase: () => Promise.reject(noIdentity()),
    async leave(client) {
      left.push(client);
      for (const [mail, holder] of [...holders]) if (holder === client) holders.delete(mail);
      changed();
    },
    acceptChange: async () => TEST_SENDER,
    contacts: async () => [],
    contactRequests: async () => [],
    decide: async () => undefined,
    strangers: async () => "wait",
    paused: async () => [],
    resume: async () => undefined,
    invite: async ({ uses }) => ({ text: "perdure1:", link: "http://127.0.0.1/i#", expiresAtMs: 0, uses }),
    acceptInvite: async () => {
      throw new PerdureError("bad-argument", "this agent in memory accepts no invites");
    },
    status: async () => ({
      id: disk.id,
      name: undefined,
      folder: "memory",
      custody: "together",
      waiting: open_("contacts", 0).length,
      requests: open_("requests", 0).length,
      failed: open_("failed", 0).length,
      failedDropped: 0,
      strangers: "wait",
      paused: 0,
      conflicts: 0,
      limits: [],
      alerts: [],
      outgoing: disk.outgoing.size,
      relay: {
        id: disk.id,
        url: "ws://127.0.0.1:1/",
        connected: false,
        lastError: undefined,
        clockOffsetMs: undefined,
        negotiated: undefined,
        caughtUp: false,
      },
    }),
    settings: async () => [],
    surroundings: async () => ({ external: [], contradictions: [] }),
    bundle: async () => "{}",
  };

  return {
    ...core,
    left,
    arrive(text, fields = {}) {
      const content = text === "" ? EMPTY : new TextEncoder().encode(text);
      const arrival = ++disk.arrivals;
      const view: MailView = {
        from: TEST_SENDER,
        id: `${"0".repeat(15)}2.${arrival}` as MessageId,
        attempt: 0,
        box: "contacts",
        arrival,
        fromName: undefined,
        fromAddress: undefined,
        standing: "contact",
        thread: "0".repeat(32),
        inReplyTo: undefined,
        auto: false,
        depth: 0,
        contentType: "text/plain; charset=utf-8",
        fileName: undefined,
        sizeBytes: content.length,
        parts: 1,
        sentAtMs: 1,
        receivedAtMs: 2,
        expiresAtMs: 3,
        collapseKey: undefined,
        ...fields,
      };
      disk.mails.push({ view, content, committed: undefined });
      changed();
      return view;
    },
    step(id, state) {
      for (const [request, view] of disk.outgoing) {
        if (view.id === id)
          disk.outgoing.set(request, {
            ...view,
            steps: [...view.steps, stepOf(state)],
            ended: ["done", "refused", "failed", "expired"].includes(state),
          });
      }
      changed();
    },
    async [Symbol.asyncDispose]() {
      open = false;
      changed();
    },
  };
}

function stepOf(state: DeliveryState): Step {
  return { state, atMs: 1, by: "self", proof: "none", detail: "" };
}

function noIdentity(): PerdureError {
  return new PerdureError("bad-argument", "this agent of a test has no keys");
}
