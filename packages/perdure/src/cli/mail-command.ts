/**
 * One run of an `on-mail` command: the message's content on its stdin, what is around it in its environment, its stdout as
 * the reply. Bounded in time and in what it may print.
 */
import { access, constants, stat } from "node:fs/promises";
import process from "node:process";
import type { Mail } from "../agent/api.ts";
import { withDeadline } from "../host/deadline.ts";
import type { Host } from "../host/host.ts";
import { spawnProcess } from "../host/node/processes.ts";
import { concat } from "../wire/bytes.ts";
import { PerdureError } from "../wire/error.ts";
import { MAX_MESSAGE_BYTES } from "../wire/limits.ts";
import { safeFileName, safeLine, safeText } from "./foreign-text.ts";
import type { Environment } from "./paint.ts";
import { PASSPHRASE_VARIABLE } from "./passphrase-source.ts";

/** EX_DATAERR of sysexits.h: the input was wrong, and trying again will not help. */
export const REJECT_EXIT = 65;
const WHY_LETTERS = 200;
const STDERR_KEPT = 64 * 1024;

export type RunOutcome = "done" | "rejected" | "failed";

export interface Run {
  readonly outcome: RunOutcome;
  /** Exit code, or the signal that ended it. */
  readonly exit: number | string;
  readonly reply: Uint8Array;
  /** The last line on its stderr. */
  readonly lastWords: string;
}

export interface MailCommand {
  readonly host: Host;
  readonly command: readonly string[];
  readonly timeoutMs: number;
  /** What the command says on stderr, as it comes. */
  readonly onStderr: (text: string) => void;
}

/** `timed-out` after the command was killed, `aborted`, `too-large` for the reply, `not-found` when there is no such command. */
export async function runMailCommand({ host, command, timeoutMs, onStderr }: MailCommand, mail: Mail, signal: AbortSignal): Promise<Run> {
  const content = await mail.bytes();
  const [program = "", ...args] = command;
  const deadline = { timeoutMs, what: `${program} to finish`, signal };
  return await withDeadline(host.clock, deadline, async (within) => {
    const child = spawnProcess({
      command: program,
      args,
      // Whoever wrote the mail may talk the command into showing its environment.
      env: { ...process.env, [PASSPHRASE_VARIABLE]: undefined, ...mailEnvironment(mail) },
      stdin: content,
      signal: within,
    });
    const reply = collectReply(child.stdout, () => child.kill("SIGKILL"));
    const words = collectWords(child.stderr, onStderr);
    const [exit, bytes, lastWords] = await Promise.all([child.exit, reply, words]);
    const outcome = exit.code === 0 ? "done" : exit.code === REJECT_EXIT ? "rejected" : "failed";
    return { outcome, exit: exit.code ?? exit.signal ?? "unknown", reply: bytes, lastWords };
  });
}

async function collectReply(stdout: AsyncIterable<Uint8Array>, stop: () => void): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of stdout) {
    size += chunk.length;
    if (size > MAX_MESSAGE_BYTES) {
      stop();
      throw new PerdureError("too-large", "the command printed more than the 8 MB one reply may hold", {
        hint: "Print less, or write a file and send its name.",
      });
    }
    chunks.push(chunk);
  }
  return concat(...chunks);
}

async function collectWords(stderr: AsyncIterable<Uint8Array>, onStderr: (text: string) => void): Promise<string> {
  const decoder = new TextDecoder();
  let kept = "";
  for await (const chunk of stderr) {
    const text = decoder.decode(chunk, { stream: true });
    kept = (kept + text).slice(-STDERR_KEPT);
    onStderr(text);
  }
  return safeLine(kept.trimEnd().split("\n").at(-1) ?? "", WHY_LETTERS);
}

function mailEnvironment(mail: Mail): Record<string, string> {
  const fields: Record<string, string | number | undefined> = {
    ID: mail.id,
    FROM: mail.from,
    FROM_NAME: mail.fromName,
    THREAD: mail.thread,
    IN_REPLY_TO: mail.inReplyTo,
    ATTEMPT: mail.attempt,
    AUTO: mail.auto ? 1 : 0,
    DEPTH: mail.depth,
    CONTENT_TYPE: mail.contentType,
    FILE_NAME: safeFileName(mail.fileName ?? ""),
    SIZE_BYTES: mail.sizeBytes,
    SENT_AT_MS: mail.sentAtMs,
    EXPIRES_AT_MS: mail.expiresAtMs,
  };
  // Somebody else wrote these: no NUL may cut them short, no control character may reach a terminal through a careless echo.
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [`PERDURE_${name}`, safeText(String(value ?? "")).replaceAll("\n", " ")]),
  );
}

/** A command that cannot be started is found out before mail is touched: `not-found`, `permission-denied`. */
export async function requireProgram(program: string, environment: Environment): Promise<void> {
  // Windows finds programs by more rules than these; there the first run tells.
  if (process.platform === "win32") return;
  const folders = program.includes("/") ? [""] : (environment["PATH"] ?? "").split(":");
  let found = false;
  for (const folder of folders) {
    const path = folder === "" ? program : `${folder}/${program}`;
    const isFile = await stat(path).then(
      (there) => there.isFile(),
      () => false,
    );
    if (!isFile) continue;
    found = true;
    const mayRun = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (mayRun) return;
  }
  if (found) throw new PerdureError("permission-denied", `${safeLine(program)} may not be run`, { hint: `chmod +x ${safeLine(program)}` });
  throw new PerdureError("not-found", `there is no program ${safeLine(program)}`, {
    hint: "Write its path, as ./answer.sh, or add its folder to PATH.",
  });
}
