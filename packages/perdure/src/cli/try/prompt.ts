/** A line editor at the bottom of the terminal, and everything that happens in lines above it. */
import type { Readable, Writable } from "node:stream";
import { clearScreenDown, createInterface, cursorTo, moveCursor } from "node:readline";

export interface Prompt {
  /** A line above the one being typed. */
  print(text: string): void;
  /** What stands before the line being typed. */
  show(prompt: string): void;
  close(): void;
}

export interface PromptOptions {
  readonly stdin: Readable;
  readonly stdout: Writable;
  /** The cursor may be moved. */
  readonly movesCursor: boolean;
  readonly onLine: (line: string) => void;
  /** Ctrl and this letter, typed on an empty line. */
  readonly onKey: (letter: string) => void;
  /** Ctrl-C, Ctrl-D on an empty line, or the end of the input. */
  readonly onEnd: () => void;
}

export function createPrompt({ stdin, stdout, movesCursor, onLine, onKey, onEnd }: PromptOptions): Prompt {
  const editor = createInterface({ input: stdin, output: stdout, historySize: 100, removeHistoryDuplicates: true });
  let open = true;
  const refresh = (): void => {
    if (open) editor.prompt(true);
  };
  const onKeypress = (_text: string | undefined, key: { readonly ctrl?: boolean; readonly name?: string } | undefined): void => {
    if (key?.ctrl === true && key.name !== undefined && editor.line === "") onKey(key.name);
  };
  stdin.on("keypress", onKeypress);
  editor.on("line", (line) => {
    onLine(line);
    refresh();
  });
  editor.on("SIGINT", () => editor.close());
  editor.on("close", () => {
    open = false;
    stdin.off("keypress", onKeypress);
    onEnd();
  });
  return {
    print: (text) => {
      if (!open || !movesCursor) {
        stdout.write(`${open ? "\n" : ""}${text}\n`);
        refresh();
        return;
      }
      moveCursor(stdout, 0, -editor.getCursorPos().rows);
      cursorTo(stdout, 0);
      clearScreenDown(stdout);
      stdout.write(`${text}\n`);
      // The editor would go up by the rows it drew last; they are gone and the cursor stands where it shall draw.
      (editor as { prevRows?: number }).prevRows = 0;
      refresh();
    },
    show: (prompt) => {
      editor.setPrompt(prompt);
      refresh();
    },
    close: () => {
      if (open) editor.close();
    },
  };
}
