/** The verbs of `perdure id` that read or write a file: export, restore, verify, anchor, and the folder's passphrase. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { resolve } from "node:path";
import type { Identity } from "../../agent/api.ts";
import { eventViews } from "../../agent/identity-view.ts";
import { restoreAgent } from "../../agent/restore-agent.ts";
import type { Hash } from "../../host/crypto.ts";
import type { Files } from "../../host/files.ts";
import { EXPORT_FILE_BYTES } from "../../identity/export-file.ts";
import { decodeKeptFile } from "../../identity/kept-file.ts";
import { verifyBundle } from "../../identity/verify.ts";
import { replaceFile } from "../../identity/whole-file.ts";
import { equalBytes, hex } from "../../wire/bytes.ts";
import { isPerdureError, PerdureError } from "../../wire/error.ts";
import { agentIdText } from "../../wire/ids.ts";
import { SEALED_IDENTITY_DOMAIN } from "../../wire/kept-identity.ts";
import { MAX_CONTROL_BYTES } from "../../wire/limits.ts";
import { safeLine } from "../foreign-text.ts";
import { logLines, STANDINGS } from "../identity-text.ts";
import type { Invocation } from "../invocation.ts";
import { createPassphraseSource } from "../passphrase-source.ts";
import { dateText } from "../quantity.ts";
import type { IdWords } from "../words.ts";

interface Called {
  readonly invocation: Invocation;
  readonly options: IdWords;
  readonly word: string;
  readonly folder: string;
}

type WithIdentity = <Value>(work: (identity: Identity) => Promise<Value>) => Promise<Value>;

export async function exportAgent({ invocation, word }: Called, name: string, withIdentity: WithIdentity): Promise<void> {
  const { host, terminal, signal } = invocation;
  const path = resolve(word);
  await refuseExisting(host.files, path);
  const passphrase = await invocation.passphrases.choose("passphrase for the export");
  const bytes = await withIdentity((identity) => identity.export(passphrase, { signal }));
  await writeNew(host.files, path, bytes);
  terminal.line(path);
  terminal.object({ type: "exported", file: path, name });
  terminal.note("the keys of this agent, under that passphrase; no mail and no contacts");
  terminal.note("WARNING whoever has this file and the passphrase can act as this agent: keep both away from this machine");
}

export async function restoreHere({ invocation, options, word, folder }: Called): Promise<void> {
  const { host, terminal, settings, signal, passphrases } = invocation;
  const file = await readFile(resolve(word), EXPORT_FILE_BYTES);
  refuseOtherFile(host.crypto.hash, file, word);
  const passphrase = (await passphrases.given()) ?? (await passphrases.ask(`passphrase of ${word}`));
  const { identity, relayHasIt } = await restoreAgent({
    host,
    folder,
    settings,
    file,
    passphrase,
    folderPassphrase: undefined,
    offline: options.offline === true,
    signal,
  });
  terminal.line(identity.id);
  terminal.object({ type: "restored", id: identity.id, name: identity.name, folder, standing: identity.standing, relayHasIt });
  if (identity.standing !== "in-force") {
    terminal.note(`restored in ${folder}, and ${STANDINGS[identity.standing]}`);
    return;
  }
  terminal.note(`restored in ${folder} as a new instance; the one that was exported is revoked`);
  terminal.note(relayHasIt ? "your relay has it" : "your relay does not have it yet: it is told when the agent is opened");
  terminal.note("the folder is not sealed: perdure id passphrase");
}

/** Before a passphrase is asked for. What begins like an export and is damaged is told as that. */
function refuseOtherFile(hash: Hash, file: Uint8Array, word: string): void {
  if (equalBytes(file.subarray(0, SEALED_IDENTITY_DOMAIN.length), SEALED_IDENTITY_DOMAIN)) return;
  try {
    decodeKeptFile(hash, file, word);
  } catch (cause) {
    if (!isPerdureError(cause) || cause.code !== "key-damaged") throw cause;
    throw new PerdureError("bad-argument", `${safeLine(word, 200)} is no export of an agent`, {
      hint: "`perdure id export <file>` writes one; a recovery file belongs to `perdure id rotate --recovery`.",
      cause,
    });
  }
}

export async function verifyFile({ invocation, word }: Called): Promise<void> {
  const { host, terminal } = invocation;
  const nowMs = host.clock.wallMs();
  const bundle = await readFile(resolve(word), MAX_CONTROL_BYTES);
  const seen = await verifyBundle(host.crypto, bundle, nowMs).catch((error: unknown) => {
    if (!isPerdureError(error) || error.code !== "malformed") throw error;
    throw new PerdureError("malformed", `${word} is no identity bundle, or not all of one (${error.message})`, {
      hint: "perdure id show --bundle <file> writes one.",
      cause: error,
    });
  });
  const standing = seen.frozen ? "frozen" : seen.retired ? "retired" : "in-force";
  const log = eventViews(seen.log, { isHoused: seen.homes.length > 0, standing });
  terminal.object({ type: "bundle", id: seen.id, name: seen.name, standing, controlKeys: seen.log.controlKeys.map(hex), log });
  terminal.line(`id        ${seen.id}`);
  if (seen.name !== undefined) terminal.line(`name      calls itself @${safeLine(seen.name, 33)}`);
  terminal.line(
    `standing  ${seen.frozen ? "FROZEN: two histories of it contradict each other, and nobody can tell which is right" : standing === "retired" ? STANDINGS.retired : STANDINGS["in-force"]}`,
  );
  for (const key of seen.log.controlKeys) terminal.line(`control   ${hex(key)}`);
  for (const { instanceKey, validUntilMs } of seen.certificates)
    terminal.line(
      `instance  ${hex(instanceKey).slice(0, 16)}…  ${validUntilMs < nowMs ? "over since" : "until"} ${dateText(validUntilMs).slice(0, 16)}`,
    );
  for (const { url, relayId } of seen.homes) terminal.line(`home      ${safeLine(url, 100)} ${agentIdText(relayId)}`);
  terminal.line("log");
  for (const line of logLines(log)) terminal.line(line);
  terminal.note("the id is the hash of its first event; every event is signed by whom the one before says");
  if (seen.frozen) throw new PerdureError("identity-forked", "both histories are in this file: it is the proof of the fork");
}

export async function sealFolder({ invocation, options }: Called, withIdentity: WithIdentity): Promise<void> {
  const { terminal, stdin, environment, signal } = invocation;
  const chosen = async (): Promise<string> => {
    if (options.newFile === undefined) return await invocation.passphrases.choose("new passphrase");
    const source = createPassphraseSource({ terminal, environment, stdin, prompts: invocation.stdout, file: options.newFile });
    return (await source.given()) ?? "";
  };
  const passphrase = options.remove === true ? undefined : await chosen();
  await withIdentity((identity) => identity.setPassphrase(passphrase, { signal }));
  terminal.object({ type: "passphrase", sealed: passphrase !== undefined });
  terminal.note(
    passphrase === undefined
      ? "the keys lie in the folder unsealed"
      : "the keys are sealed: without the passphrase nobody can open this folder, nor can you",
  );
}

/** SHA-256 of a file, hexadecimal. */
export async function fileHash(path: string): Promise<string> {
  const hash = createHash("sha256");
  try {
    for await (const chunk of createReadStream(resolve(path))) hash.update(chunk as Uint8Array);
  } catch (cause) {
    throw new PerdureError("not-found", `${path} cannot be read`, { cause });
  }
  return hash.digest("hex");
}

/** Writes a file that was not there, whole and only for its owner to read. */
export async function writeNew(files: Files, path: string, bytes: Uint8Array): Promise<void> {
  await refuseExisting(files, path);
  await replaceFile(files, path, bytes);
}

async function refuseExisting(files: Files, path: string): Promise<void> {
  const there = await files.open(path, "read").catch((error: unknown) => {
    if (isPerdureError(error) && error.code === "not-found") return undefined;
    throw error;
  });
  if (there === undefined) return;
  await there.close();
  throw new PerdureError("bad-argument", `there is a file at ${path} already`, { hint: "Choose another name." });
}

async function readFile(path: string, maxBytes: number): Promise<Uint8Array> {
  const file = await open(path, "r").catch((cause: unknown) => {
    throw new PerdureError("not-found", `${path} cannot be read`, { cause });
  });
  try {
    const { size } = await file.stat();
    if (size > maxBytes) throw new PerdureError("too-large", `${path} has ${size} bytes; such a file has at most ${maxBytes}`);
    return new Uint8Array(await file.readFile());
  } finally {
    await file.close();
  }
}
