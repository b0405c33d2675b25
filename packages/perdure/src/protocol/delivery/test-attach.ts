/** What a relay's machine is told of who comes for the first time, for tests and benchmarks to change. */
import { type Bytes, EMPTY, utf8 } from "../../wire/bytes.ts";
import { GENERATION_BYTES } from "../../wire/ids.ts";
import type { Registration, RelayInput } from "./mailbox-events.ts";

/** As a comparison with a relay that holds nothing of it says. */
export function newcomer(idRaw: Bytes, name: string, more: Partial<Registration> = {}): Registration {
  return {
    idRaw,
    bundle: utf8(`bundle of ${name}`),
    name: undefined,
    recordVersion: 1,
    replaces: EMPTY,
    verdict: "",
    standing: "open",
    instances: [],
    ...more,
  };
}

type Attach = Extract<RelayInput, { kind: "attach" }>;

/** One that consumes nothing and has nothing, by the first instance of its registration. */
export function attachAs(
  registration: Registration,
  said: Pick<Attach, "session" | "link"> & Partial<Pick<Attach, "role" | "consume">>,
): Attach {
  return {
    kind: "attach",
    role: "agent",
    consume: false,
    ticket: "",
    instanceKey: registration.instances[0] ?? EMPTY,
    pass: EMPTY,
    have: { generation: new Uint8Array(GENERATION_BYTES), position: 0 },
    ...said,
    registration,
  };
}
