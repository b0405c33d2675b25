import { describe, expect, it } from "vitest";
import { createNodeCrypto } from "../host/node/crypto.ts";
import { createWorld } from "../host/simulated/index.ts";
import { replaceFile } from "../identity/whole-file.ts";
import { utf8 } from "../wire/bytes.ts";
import { type RelaySettings, relaySettings } from "./relay-settings.ts";

async function read(file: string | undefined, variable?: string, flags: Readonly<Record<string, number>> = {}): Promise<RelaySettings> {
  const world = createWorld({ seed: 1, hash: createNodeCrypto().hash });
  const { files } = world.host("relay");
  if (file !== undefined) await world.complete(replaceFile(files, "relay/settings", utf8(file)));
  return await world.complete(relaySettings(files, "relay", { PERDURE_RELAY_SETTINGS: variable }, flags));
}

describe("settings of a relay", () => {
  it("come from file, environment and flag, the nearest wins, and each says whence", async () => {
    const file = "# mine\nwindowFrames = 64   # fewer\nredialMinMs=100\n\nsweepEveryMs=2000\n";
    expect(await read(file, "redialMinMs=200 sweepEveryMs=3000", { sweepEveryMs: 4000 })).toEqual({
      overrides: { windowFrames: 64, redialMinMs: 200, sweepEveryMs: 4000 },
      origins: { windowFrames: "file", redialMinMs: "env", sweepEveryMs: "flag" },
    });
  });

  it("are none where nobody said any", async () => {
    expect(await read(undefined)).toEqual({ overrides: {}, origins: {} });
    expect(await read("\n# nothing\n", " ")).toEqual({ overrides: {}, origins: {} });
  });

  it.each([
    ["nonsense=1", undefined, "relay/settings"],
    ["redialMinMs", undefined, "relay/settings"],
    ["redialMinMs=-1", undefined, "relay/settings"],
    [undefined, "redialMinMs=soon", "$PERDURE_RELAY_SETTINGS"],
  ])("that cannot be read name the place: %s %s", async (file, variable, place) => {
    await expect(read(file, variable)).rejects.toThrow(place);
  });
});
