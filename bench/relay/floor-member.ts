/** A process of `bench/` with what only passes on. */
import { plant } from "../../lab/planting.ts";
import { FLOOR } from "./floor.ts";

plant(FLOOR);
await import("../member.ts");
