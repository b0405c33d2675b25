/**
 * A Chromium without a window, driven over a pipe by the DevTools protocol. It ends with this process, however that ends: its
 * side of the pipe closes.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { accessSync, constants, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import process from "node:process";
import type { Readable, Writable } from "node:stream";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const START_MS = 60_000;
const CALL_MS = 60_000;

/** The program, from $PERDURE_CHROMIUM or $PATH. */
export function findChromium(): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  const candidates = [process.env["PERDURE_CHROMIUM"] ?? "", ...NAMES.flatMap((name) => folders.map((folder) => join(folder, name)))];
  return candidates.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return path !== "";
    } catch {
      return false;
    }
  });
}

export const NO_CHROMIUM = "there is no Chromium on this machine: install it, or name one in PERDURE_CHROMIUM";

type Params = Readonly<Record<string, unknown>>;

export interface Page {
  /** The value of an expression in the page; a promise is waited for. */
  evaluate<Value>(expression: string): Promise<Value>;
  goTo(url: string): Promise<void>;
  /** Ends the page's process as a crash does. */
  crash(): Promise<void>;
  close(): Promise<void>;
  /** A PNG of what a person would see. */
  picture(): Promise<Buffer>;
  call(method: string, params?: Params): Promise<Params>;
}

/** Pages that share their storage, and share it with no others. */
export interface Profile {
  open(url: string): Promise<Page>;
  close(): Promise<void>;
}

export interface Chromium extends AsyncDisposable {
  readonly version: string;
  profile(): Promise<Profile>;
}

interface Call {
  readonly session: string | undefined;
  readonly resolve: (result: Params) => void;
  readonly reject: (error: Error) => void;
}

interface Message {
  readonly id?: number;
  readonly sessionId?: string;
  readonly method?: string;
  readonly params?: Params;
  readonly result?: Params;
  readonly error?: { readonly message: string };
}

export async function startChromium(path: string): Promise<Chromium> {
  const data = mkdtempSync(join(tmpdir(), "perdure-chromium-"));
  const child = spawn(
    path,
    [
      "--headless=new",
      "--remote-debugging-pipe",
      `--user-data-dir=${data}`,
      "--no-sandbox",
      "--disable-gpu",
      "--disable-dev-shm-usage",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-breakpad",
      "about:blank",
    ],
    { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] },
  );
  const call = converse(child);
  const { product } = await call("Browser.getVersion", {}, undefined, START_MS);

  const openPage = async (context: unknown, url: string): Promise<Page> => {
    const { targetId } = await call("Target.createTarget", { url: "about:blank", browserContextId: context });
    const { sessionId } = await call("Target.attachToTarget", { targetId, flatten: true });
    const here = (method: string, params: Params = {}): Promise<Params> => call(method, params, sessionId as string);
    await here("Runtime.enable");
    await here("Page.enable");
    const page: Page = {
      call: here,
      evaluate: async <Value>(expression: string) => {
        const { result, exceptionDetails } = await here("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
        if (exceptionDetails !== undefined) throw new Error(thrown(exceptionDetails as Params));
        return (result as Params)["value"] as Value;
      },
      goTo: async (to) => {
        await here("Page.navigate", { url: to });
        await page.evaluate(
          "new Promise((resolve) => document.readyState === 'complete' ? resolve() : addEventListener('load', () => resolve()))",
        );
      },
      crash: async () => {
        await here("Page.crash").catch(() => undefined);
      },
      close: async () => {
        await call("Target.closeTarget", { targetId });
      },
      picture: async () => Buffer.from(String((await here("Page.captureScreenshot", { format: "png" }))["data"]), "base64"),
    };
    await page.goTo(url);
    return page;
  };

  return {
    version: String(product),
    profile: async () => {
      const { browserContextId } = await call("Target.createBrowserContext", {});
      return {
        open: (url) => openPage(browserContextId, url),
        close: async () => {
          await call("Target.disposeBrowserContext", { browserContextId });
        },
      };
    },
    [Symbol.asyncDispose]: async () => {
      const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
      await call("Browser.close", {}).catch(() => child.kill("SIGKILL"));
      const deadline = setTimeout(() => child.kill("SIGKILL"), START_MS);
      await gone;
      clearTimeout(deadline);
      rmSync(data, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
    },
  };
}

type Converse = (method: string, params: Params, session?: string, timeoutMs?: number) => Promise<Params>;

/** Messages are JSON with a zero byte behind. */
function converse(child: ChildProcess): Converse {
  const [, , , down, up] = child.stdio as unknown as [null, null, null, Writable, Readable];
  const calls = new Map<number, Call>();
  let lastId = 0;
  let text = "";

  const end = (why: string, session?: string): void => {
    for (const [id, call] of calls) {
      if (session !== undefined && call.session !== session) continue;
      calls.delete(id);
      call.reject(new Error(why));
    }
  };
  const take = ({ id, result, error, method, params, sessionId }: Message): void => {
    if (method === "Inspector.targetCrashed") return end("the page has crashed", sessionId);
    if (method === "Target.detachedFromTarget") return end("the page was closed", String(params?.["sessionId"]));
    const call = calls.get(id ?? 0);
    if (call === undefined) return;
    calls.delete(id ?? 0);
    if (error === undefined) call.resolve(result ?? {});
    else call.reject(new Error(error.message));
  };
  up.setEncoding("utf8").on("data", (piece: string) => {
    const messages = (text + piece).split("\0");
    text = messages.pop() ?? "";
    for (const message of messages) take(JSON.parse(message) as Message);
  });
  down.on("error", () => undefined);
  child.once("exit", (code) => end(`the browser has ended with ${code}`));
  child.once("error", (error) => end(error.message));

  return (method, params, session, timeoutMs = CALL_MS) =>
    new Promise((resolve, reject) => {
      const id = ++lastId;
      const timer = setTimeout(() => {
        calls.delete(id);
        reject(new Error(`${method} was not answered within ${timeoutMs} ms`));
      }, timeoutMs);
      const ended = (settle: () => void): void => {
        clearTimeout(timer);
        settle();
      };
      calls.set(id, { session, resolve: (result) => ended(() => resolve(result)), reject: (error) => ended(() => reject(error)) });
      down.write(`${JSON.stringify({ id, method, params, ...(session === undefined ? {} : { sessionId: session }) })}\0`);
    });
}

function thrown(details: Params): string {
  const exception = details["exception"] as { readonly description?: string; readonly value?: unknown } | undefined;
  return exception?.description ?? String(exception?.value ?? details["text"]);
}
