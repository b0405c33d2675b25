import { checkWhole, type Given } from "../../argument.ts";
import {
  createLocalProvider,
  LOCAL_PROVIDER_SETTINGS,
  type LocalProvider,
  type LocalProviderSettings,
} from "../../local-provider/local-provider.ts";
import { systemClock } from "./clock.ts";
import { systemRandom } from "./random.ts";
import { type Served, serve } from "./serve.ts";

export { LOCAL_PROVIDER_SETTINGS, type LocalProviderSettings, type Served };

export interface StartedProvider extends Served {
  readonly counts: LocalProvider["counts"];
}

/** A service with limits, on this machine: at a port that is free unless one is said. Throws `bad-argument`, and what listening throws. */
export async function startLocalProvider(settings: Given<LocalProviderSettings> = {}, port = 0): Promise<StartedProvider> {
  checkWhole("the port", port, 0, 65_535);
  const { answer, counts } = createLocalProvider(settings, { clock: systemClock, random: systemRandom });
  return { ...(await serve(answer, port)), counts };
}
