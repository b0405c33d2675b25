/** A relay or an agent of a real town, in a process of its own: `citizen.ts <config as JSON>`. It plants its mistake, if it has one, before it loads the product. */
import { enableCompileCache } from "node:module";
import { fileURLToPath } from "node:url";
import { plant } from "../planting.ts";
import type { CitizenConfig } from "./citizen-words.ts";

enableCompileCache(fileURLToPath(new URL("../../.runtime/compiled/", import.meta.url)));
const config = JSON.parse(process.argv[2] ?? "{}") as CitizenConfig;
if (config.planted !== undefined) plant(config.planted);
const { beCitizen } = await import("./citizen-life.ts");
await beCitizen(config);
