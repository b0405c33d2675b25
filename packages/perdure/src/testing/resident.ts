/** An agent as a test holds it: one object over all lives of its process, whose calls let time pass. */
import type {
  Agent,
  AskOptions,
  Body,
  Contacts,
  Handler,
  Identity,
  InboxOptions,
  Mail,
  SendOptions,
  Sent,
  ServeOptions,
  Step,
} from "../agent/api.ts";
import { PerdureError } from "../wire/error.ts";
import type { AgentId } from "../wire/ids.ts";
import type { TestAgent } from "./api.ts";
import type { Driver } from "./driver.ts";

/** One run of the agent's process. */
interface Life {
  readonly agent: Agent;
  /** Fires when the process ends. */
  readonly ended: AbortController;
}

interface Service {
  readonly handler: Handler;
  readonly options: ServeOptions;
  readonly end: (error?: unknown) => void;
}

export interface Resident {
  readonly agent: TestAgent;
  readonly life: Agent | undefined;
  /** A process has opened the folder. */
  begin(agent: Agent): void;
  /** The process is gone: what waits for it is told. */
  end(why: string): void;
  /** Nothing will ever serve again. */
  over(): void;
}

export interface ResidentOptions {
  readonly name: string;
  readonly address: string;
  readonly driver: Driver;
  /** What `close` of the agent does. */
  readonly sleep: () => Promise<void>;
}

export function createResident({ name, address, driver, sleep }: ResidentOptions): Resident {
  let life: Life | undefined;
  let id = "" as AgentId;
  const services = new Set<Service>();

  const alive = (): Life => {
    if (life === undefined) {
      throw new PerdureError("aborted", `${name} does not run`, { retry: "after", hint: `Start it with net.wake("${name}").` });
    }
    return life;
  };
  const call = async <Value>(work: (agent: Agent, of: Life) => Promise<Value>): Promise<Value> => {
    const of = alive();
    return await driver.drive(work(of.agent, of), of.ended.signal);
  };
  /** A call on something that one life gave: it ends with that life. */
  const during = <Value>({ ended }: Life, work: () => Promise<Value>): Promise<Value> => driver.drive(work(), ended.signal);

  const drivenSteps = async function* (of: Life, sent: Sent): AsyncGenerator<Step> {
    const steps = sent[Symbol.asyncIterator]();
    for (;;) {
      const next = await during(of, () => steps.next());
      if (next.done === true) return;
      yield next.value;
    }
  };
  const sentOf = (of: Life, sent: Sent): Sent => ({
    id: sent.id,
    toName: sent.toName,
    get to() {
      return sent.to;
    },
    get home() {
      return sent.home;
    },
    get trouble() {
      return sent.trouble;
    },
    get steps() {
      return sent.steps;
    },
    until: (state, waiting) => during(of, () => sent.until(state, waiting)),
    export: (waiting) => during(of, () => sent.export(waiting)),
    [Symbol.asyncIterator]: () => drivenSteps(of, sent),
  });
  const mailOf = (of: Life, mail: Mail): Mail => ({
    ...mail,
    text: () => during(of, () => mail.text()),
    json: () => during(of, () => mail.json()),
    bytes: () => during(of, () => mail.bytes()),
    stream: () =>
      new ReadableStream({
        pull: async (controller) => {
          controller.enqueue(await during(of, () => mail.bytes()));
          controller.close();
        },
      }),
    done: (waiting) => during(of, () => mail.done(waiting)),
    retry: (waiting) => during(of, () => mail.retry(waiting)),
    reject: (why, waiting) => during(of, () => mail.reject(why, waiting)),
  });

  const startService = (service: Service, { agent, ended }: Life): void => {
    agent.serve(service.handler, service.options).then(
      () => {
        if (!ended.signal.aborted && service.options.signal?.aborted === true) service.end();
      },
      (error: unknown) => {
        if (!ended.signal.aborted) service.end(error);
      },
    );
  };

  const serve = (handler: Handler, options: ServeOptions = {}): Promise<void> => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    // A service that nobody waits for ends with the test, whatever ended it; the trail says why.
    promise.catch(() => undefined);
    const service: Service = {
      handler,
      options,
      end: (error) => {
        services.delete(service);
        if (error === undefined) resolve();
        else reject(error);
      },
    };
    services.add(service);
    options.signal?.addEventListener("abort", () => service.end(), { once: true });
    if (life !== undefined) startService(service, life);
    return promise;
  };

  const inbox = async function* (options: InboxOptions = {}): AsyncGenerator<Mail> {
    const of = alive();
    const mails = of.agent.inbox(options)[Symbol.asyncIterator]();
    // Watching without an end is work in the background, as serving is: it must not make time run away.
    const waits = options.watch === true && options.timeoutMs === undefined;
    for (;;) {
      const next = waits ? await mails.next() : await during(of, () => mails.next());
      if (next.done === true) return;
      yield mailOf(of, next.value);
    }
  };

  const contacts: Contacts = {
    list: (waiting) => call((agent) => agent.contacts.list(waiting)),
    requests: (waiting) => call((agent) => agent.contacts.requests(waiting)),
    accept: (who, waiting) => call((agent) => agent.contacts.accept(who, waiting)),
    add: (who, waiting) => call((agent) => agent.contacts.add(who, waiting)),
    block: (who, waiting) => call((agent) => agent.contacts.block(who, waiting)),
    remove: (who, waiting) => call((agent) => agent.contacts.remove(who, waiting)),
    acceptChange: (name, waiting) => call((agent) => agent.contacts.acceptChange(name, waiting)),
    policy: (strangers, waiting) => call((agent) => agent.contacts.policy(strangers, waiting)),
    paused: (waiting) => call((agent) => agent.contacts.paused(waiting)),
    resume: (threadOrPeer, waiting) => call((agent) => agent.contacts.resume(threadOrPeer, waiting)),
  };

  const identity: Identity = {
    show: (waiting) => call((agent) => agent.identity.show(waiting)),
    rotate: (options) => call((agent) => agent.identity.rotate(options)),
    revoke: (instance, options) => call((agent) => agent.identity.revoke(instance, options)),
    claim: (waiting) => call((agent) => agent.identity.claim(waiting)),
    pinHome: (options) => call((agent) => agent.identity.pinHome(options)),
    anchor: (root, options) => call((agent) => agent.identity.anchor(root, options)),
    retire: (options) => call((agent) => agent.identity.retire(options)),
    export: (passphrase, waiting) => call((agent) => agent.identity.export(passphrase, waiting)),
    setPassphrase: (passphrase, waiting) => call((agent) => agent.identity.setPassphrase(passphrase, waiting)),
  };

  const agent: TestAgent = {
    name,
    address,
    get id() {
      return id;
    },
    get awake() {
      return life !== undefined;
    },
    contacts,
    identity,
    send: (to: AgentId | string, body: Body, options?: SendOptions) =>
      call(async (running, of) => sentOf(of, await running.send(to, body, options))),
    sent: (message) => call(async (running, of) => sentOf(of, await running.sent(message))),
    outbox: (waiting) => call(async (running, of) => (await running.outbox(waiting)).map((sent) => sentOf(of, sent))),
    ask: (to: AgentId | string, body: Body, options: AskOptions = {}) =>
      call(async (running, of) => {
        const { onSent } = options;
        const heard = onSent === undefined ? {} : { onSent: (sent: Sent) => onSent(sentOf(of, sent)) };
        return mailOf(of, await running.ask(to, body, { ...options, ...heard }));
      }),
    serve,
    inbox,
    invite: (options) => call((running) => running.invite(options)),
    accept: (invite, waiting) => call((running) => running.accept(invite, waiting)),
    status: (waiting) => call((running) => running.status(waiting)),
    settings: (waiting) => call((running) => running.settings(waiting)),
    surroundings: (waiting) => call((running) => running.surroundings(waiting)),
    bundle: (waiting) => call((running) => running.bundle(waiting)),
    close: sleep,
    [Symbol.asyncDispose]: sleep,
  };

  return {
    agent,
    get life() {
      return life?.agent;
    },
    begin: (opened) => {
      life = { agent: opened, ended: new AbortController() };
      id = opened.id;
      for (const service of services) startService(service, life);
    },
    end: (why) => {
      const ending = life;
      life = undefined;
      ending?.ended.abort(new PerdureError("aborted", `${name} ${why}`, { retry: "after", hint: `Start it with net.wake("${name}").` }));
    },
    over: () => {
      for (const service of [...services]) service.end();
    },
  };
}
