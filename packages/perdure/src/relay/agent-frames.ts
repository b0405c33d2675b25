/** What an agent says in its session, and what the relay answers by itself: lookups, here or by way of another relay. */
import type { Host } from "../host/host.ts";
import { goodbyeOf } from "../protocol/link/goodbyes.ts";
import type { Session } from "../protocol/link/session.ts";
import type { Settings } from "../settings/register.ts";
import { type Bytes, EMPTY } from "../wire/bytes.ts";
import { confirm, contacts, found, type Lookup, lookup, type MailFrame, publish, route, settle } from "../wire/control.ts";
import { type ErrorCode, PerdureError } from "../wire/error.ts";
import type { Frame } from "../wire/frame.ts";
import type { Directory } from "./directory.ts";
import type { PeerLinks } from "./peers/peer-links.ts";
import type { Registrar } from "./registrar.ts";
import type { RelayLoop } from "./relay-loop.ts";
import type { Requests, SessionRequests } from "./requests.ts";
import type { SessionTaker } from "./session-entry.ts";
import type { AgentSession, Sessions } from "./sessions.ts";

export interface AgentFramesOptions {
  readonly host: Pick<Host, "clock" | "crypto" | "log">;
  readonly settings: Settings;
  readonly loop: RelayLoop;
  readonly directory: Directory;
  /** The relay that brought waiting mail of that writer to the agent of a session. */
  readonly bringerOf: (session: number, from: Bytes) => Bytes | undefined;
  readonly registrar: Registrar;
  readonly requests: Requests;
  readonly refuseGlut: Sessions["refuseGlut"];
  readonly peers: () => Pick<PeerLinks, "ask" | "route">;
  readonly takeMails: (session: number, mails: readonly MailFrame[]) => void;
  /** Called before what costs disk space: says whether the disk can keep it. */
  readonly watchDisk: () => void;
}

/** Questions for other relays one agent may have open, over all its sessions; more are answered `too-busy`. */
const OPEN_QUESTIONS = 32;

export function createAgentFrames(options: AgentFramesOptions): (open: AgentSession) => SessionTaker {
  // bound: one per agent with questions under way, OPEN_QUESTIONS of each
  const open = new Map<string, number>();
  return (session) => new AgentFrames(options, open, session);
}

/** A class because a relay has thousands of them that do nothing: each is a few fields, and no function of its own. */
class AgentFrames implements SessionTaker {
  readonly #options: AgentFramesOptions;
  /** Questions that are under way for each agent. */
  readonly #open: Map<string, number>;
  readonly #number: number;
  readonly #session: Session;
  readonly #agent: AgentSession["agent"];
  readonly #requests: SessionRequests;
  #published: Bytes | undefined;
  #verifying = false;

  constructor(options: AgentFramesOptions, open: Map<string, number>, { number, session, agent }: AgentSession) {
    this.#options = options;
    this.#open = open;
    this.#number = number;
    this.#session = session;
    this.#agent = agent;
    this.#requests = options.requests.of(agent.id, "agent");
  }

  frame(frame: Frame): void {
    const { loop, peers } = this.#options;
    switch (frame.name) {
      case "settle":
        return loop.feed({ kind: "settle", session: this.#number, settle: settle.decode(frame.payload) });
      case "lookup":
        return this.#look(lookup.decode(frame.payload));
      case "route":
        this.#charge();
        return peers().route(route.decode(frame.payload), this.#agent.idRaw);
      case "contacts":
        this.#charge();
        return loop.feed({ kind: "contacts", session: this.#number, ...contacts.decode(frame.payload) });
      case "confirm":
        return loop.feed({ kind: "confirm", session: this.#number, pass: confirm.decode(frame.payload).pass });
      case "publish":
        this.#charge();
        this.#published = publish.decode(frame.payload).bundle;
        return this.#takePublished();
      default:
        throw new PerdureError("malformed", `an agent does not send ${frame.name}`);
    }
  }

  mails(mails: readonly MailFrame[]): void {
    this.#options.takeMails(this.#number, mails);
  }

  /** Verifies one published bundle at a time; of those that come meanwhile the last one counts. */
  #takePublished(): void {
    const bundle = this.#published;
    if (this.#verifying || bundle === undefined) return;
    const { registrar, loop } = this.#options;
    this.#published = undefined;
    this.#verifying = true;
    registrar
      .verify(bundle, this.#agent.idRaw, "agent")
      .then((verified) => registrar.judge(verified, "agent"))
      .then(({ registration }) => loop.feed({ kind: "publish", session: this.#number, registration }))
      .catch((error: unknown) => this.#session.close(goodbyeOf(error)))
      .finally(() => {
        this.#verifying = false;
        this.#takePublished();
      });
  }

  #charge(): void {
    this.#requests.charge();
    this.#options.watchDisk();
  }

  #look(asked: Lookup): void {
    const { directory, bringerOf, refuseGlut } = this.#options;
    refuseGlut(this.#session);
    if (this.#requests.ask() !== undefined) return this.#answer(asked.request, EMPTY, "rate-limited" satisfies ErrorCode);
    if (!directory.isHere(asked.at)) return this.#pass(asked);
    const { bundle, code } = directory.find(asked);
    // Whoever was put back to an older state does not know any more where a writer lives, and the writer does not know that.
    const bringer = code === "unknown-agent" && asked.what === "agent" ? bringerOf(this.#number, asked.key) : undefined;
    if (bringer !== undefined) return this.#pass({ ...asked, at: bringer });
    this.#answer(asked.request, bundle, code);
  }

  #pass(asked: Lookup): void {
    if ((this.#open.get(this.#agent.id) ?? 0) >= OPEN_QUESTIONS) return this.#answer(asked.request, EMPTY, "too-busy");
    this.#count(1);
    this.#options
      .peers()
      .ask(asked)
      .then(({ bundle, code }) => this.#answer(asked.request, bundle, code))
      .catch((error: unknown) => this.#session.close(goodbyeOf(error)))
      .finally(() => this.#count(-1));
  }

  #count(more: 1 | -1): void {
    const { id } = this.#agent;
    const questions = (this.#open.get(id) ?? 0) + more;
    if (questions > 0) this.#open.set(id, questions);
    else this.#open.delete(id);
  }

  #answer(request: number, bundle: Bytes, code: string): void {
    this.#session.send([{ name: "found", payload: found.encode({ request, bundle, code }) }]);
  }
}
