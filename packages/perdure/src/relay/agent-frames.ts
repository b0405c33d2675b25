/** What an agent says in its session, and what the relay answers by itself: lookups, here or by way of another relay. */
import type { Host } from "../host/host.ts";
import { goodbyeOf } from "../protocol/link/goodbyes.ts";
import type { Settings } from "../settings/register.ts";
import { type Bytes, EMPTY } from "../wire/bytes.ts";
import { confirm, contacts, decodeMail, found, type Lookup, lookup, publish, route, settle } from "../wire/control.ts";
import { type ErrorCode, PerdureError } from "../wire/error.ts";
import type { Directory } from "./directory.ts";
import type { PeerLinks } from "./peers/peer-links.ts";
import type { Registrar } from "./registrar.ts";
import type { RelayLoop } from "./relay-loop.ts";
import type { Requests } from "./requests.ts";
import type { OpenSession, Sessions, SessionTaker } from "./sessions.ts";

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
  /** Called before what costs disk space: says whether the disk can keep it. */
  readonly watchDisk: () => void;
}

/** Questions for other relays one agent may have open, over all its sessions; more are answered `too-busy`. */
const OPEN_QUESTIONS = 32;

export function createAgentFrames(options: AgentFramesOptions): (open: OpenSession) => SessionTaker {
  const { loop, directory, registrar } = options;
  // bound: one per agent with questions under way, OPEN_QUESTIONS of each
  const open = new Map<string, number>();

  const count = (agent: string, more: 1 | -1): void => {
    const questions = (open.get(agent) ?? 0) + more;
    if (questions > 0) open.set(agent, questions);
    else open.delete(agent);
  };

  return ({ number, session, identity: agent }) => {
    let published: Bytes | undefined;
    let verifying = false;

    /** Verifies one published bundle at a time; of those that come meanwhile the last one counts. */
    const takePublished = (): void => {
      const bundle = published;
      if (verifying || bundle === undefined) return;
      published = undefined;
      verifying = true;
      registrar
        .verify(bundle, agent.idRaw, "agent")
        .then((verified) => registrar.judge(verified, "agent"))
        .then(({ registration }) => loop.feed({ kind: "publish", session: number, registration }))
        .catch((error: unknown) => session.close(goodbyeOf(error)))
        .finally(() => {
          verifying = false;
          takePublished();
        });
    };

    const answer = (request: number, bundle: Bytes, code: string): void =>
      session.send([{ name: "found", payload: found.encode({ request, bundle, code }) }]);

    const requests = options.requests.of(agent.id, "agent");
    const charge = (): void => {
      requests.charge();
      options.watchDisk();
    };

    const look = (asked: Lookup): void => {
      options.refuseGlut(session);
      if (requests.ask() !== undefined) return answer(asked.request, EMPTY, "rate-limited" satisfies ErrorCode);
      if (!directory.isHere(asked.at)) return pass(asked);
      const { bundle, code } = directory.find(asked);
      // Whoever was put back to an older state does not know any more where a writer lives, and the writer does not know that.
      const bringer = code === "unknown-agent" && asked.what === "agent" ? options.bringerOf(number, asked.key) : undefined;
      if (bringer !== undefined) return pass({ ...asked, at: bringer });
      answer(asked.request, bundle, code);
    };

    const pass = (asked: Lookup): void => {
      if ((open.get(agent.id) ?? 0) >= OPEN_QUESTIONS) return answer(asked.request, EMPTY, "too-busy");
      count(agent.id, 1);
      options
        .peers()
        .ask(asked)
        .then(({ bundle, code }) => answer(asked.request, bundle, code))
        .catch((error: unknown) => session.close(goodbyeOf(error)))
        .finally(() => count(agent.id, -1));
    };

    return {
      frame: (frame) => {
        switch (frame.name) {
          case "mail": {
            options.watchDisk();
            const { linkSeq, hopLimit, home, envelope } = decodeMail(frame.payload);
            return loop.feed({ kind: "mail", session: number, linkSeq, hopLimit, home, envelope });
          }
          case "settle":
            return loop.feed({ kind: "settle", session: number, settle: settle.decode(frame.payload) });
          case "lookup":
            return look(lookup.decode(frame.payload));
          case "route":
            charge();
            return options.peers().route(route.decode(frame.payload), agent.idRaw);
          case "contacts":
            charge();
            return loop.feed({ kind: "contacts", session: number, ...contacts.decode(frame.payload) });
          case "confirm":
            return loop.feed({ kind: "confirm", session: number, pass: confirm.decode(frame.payload).pass });
          case "publish":
            charge();
            published = publish.decode(frame.payload).bundle;
            return takePublished();
          default:
            throw new PerdureError("malformed", `an agent does not send ${frame.name}`);
        }
      },
    };
  };
}
