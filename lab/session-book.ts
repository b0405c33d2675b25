/** Which agents have a session with their relay, and on which link each was last acknowledged something, by what they say. */
import type { LogFields } from "../packages/perdure/src/host/log.ts";

export interface SessionBook {
  fact(host: string, event: string, fields: LogFields): void;
  /** Its process is over, and with it its link. */
  crashed(host: string): void;
  isHere(host: string): boolean;
  readonly links: ReadonlySet<string>;
}

export function createSessionBook(): SessionBook {
  const here = new Set<string>();
  const linkOf = new Map<string, string>();
  return {
    fact(host, event, fields) {
      if (event === "agent.attached") here.add(host);
      else if (event === "agent.apart") here.delete(host);
      else if (event === "agent.acked") linkOf.set(host, String(fields["link"]));
      else if (event === "agent.link-anew") linkOf.delete(host);
    },
    crashed(host) {
      here.delete(host);
      linkOf.delete(host);
    },
    isHere: (host) => here.has(host),
    get links() {
      return new Set(linkOf.values());
    },
  };
}
