import { expect, it } from "vitest";
import { createNodeCrypto } from "../../host/node/crypto.ts";
import { createWorld } from "../../host/simulated/index.ts";
import { createSettings } from "../../settings/register.ts";
import { type ErrorCode, PerdureError } from "../../wire/error.ts";
import { agentIdText } from "../../wire/ids.ts";
import { createIncidents } from "../incidents.ts";
import { createDialSlots } from "./dial-slots.ts";
import { createPeerDialler } from "./peer-dialler.ts";

const FORBIDDEN = "ws://10.0.0.1:4410/";
const AWAY = "ws://relay.example:4410/";

async function hopelessAfter(urls: readonly string[], later: readonly string[] = urls): Promise<readonly ErrorCode[]> {
  const world = createWorld({ seed: 1, hash: createNodeCrypto().hash });
  const host = world.host("relay");
  const said: ErrorCode[] = [];
  let known = urls;
  let dials = 0;
  const dialler = createPeerDialler({
    host,
    settings: createSettings(),
    incidents: createIncidents(host.clock, host.log),
    slots: createDialSlots(8),
    id: agentIdText(new Uint8Array(32)),
    signal: new AbortController().signal,
    urls: () => known,
    met: () => false,
    wanted: () => said.length === 0 && dials < 10,
    connect: async (url) => {
      dials++;
      known = later;
      throw new PerdureError(url === FORBIDDEN ? "peer-forbidden" : "relay-unreachable", url);
    },
    hopeless: (code) => void said.push(code),
  });
  dialler.begin(false);
  await world.run({ untilMs: 1000 });
  return said;
}

it("says at once that a relay is nowhere it may be dialled", async () => {
  expect(await hopelessAfter([FORBIDDEN])).toEqual(["peer-forbidden"]);
  expect(await hopelessAfter([])).toEqual(["unknown-relay"]);
});

it("one place that nobody may dial does not end the hope for another, known before or told since", async () => {
  expect(await hopelessAfter([FORBIDDEN, AWAY])).toEqual([]);
  expect(await hopelessAfter([AWAY, FORBIDDEN])).toEqual([]);
  expect(await hopelessAfter([FORBIDDEN], [FORBIDDEN, AWAY])).toEqual([]);
});
