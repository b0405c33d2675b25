import { expect, test } from "vitest";
import { plantedSources } from "../../lab/planting.ts";
import { FLOOR } from "./floor.ts";

test("what only passes on still fits the relay it is cut from", () => {
  expect([...plantedSources(FLOOR).keys()]).toEqual(["relay/relay-core.ts", "relay/agent-frames.ts"]);
});
