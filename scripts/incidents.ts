/** `npm run incidents`: reads the project's ledger, and writes its tables into incidents/README.md. */
import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { INCIDENTS_FOLDER, readEntries } from "./incidents/entries.ts";
import { readmeTables, withTables } from "./incidents/readme.ts";

const path = new URL("README.md", INCIDENTS_FOLDER);
const tables = readmeTables(readEntries());
writeFileSync(path, withTables(readFileSync(path, "utf8"), tables));
process.stdout.write(`${tables}\n`);
