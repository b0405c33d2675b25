import { clockConformance } from "../conformance/clock-conformance.ts";
import { createNodeClock } from "./clock.ts";

clockConformance("this machine", () => ({ clock: createNodeClock() }));
