/** A line editor at the bottom of the terminal, and everything that happens in lines above it. */

import { clearScreenDown, createInterface, cursorTo, moveCursor } from "node:readline";
import type { Readable, Writable } from "node:stream";

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
  let shown = false;
  const refresh = (): void => {
    if (open) editor.prompt(true);
  };
  /** Takes the prompt and the line being typed off the screen, however many rows they have. */
  const erase = (): void => {
    moveCursor(stdout, 0, -editor.getCursorPos().rows);
    cursorTo(stdout, 0);
    clearScreenDown(stdout);
    // The editor would go up by the rows it drew last; they are gone and the cursor stands where it shall draw.
    (editor as { prevRows?: number }).prevRows = 0;
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
      erase();
      stdout.write(`${text}\n`);
      refresh();
    },
    show: (prompt) => {
      if (open && movesCursor) erase();
      editor.setPrompt(prompt);
      // A terminal that cannot take the old prompt back shows the new one with the next line.
      if (movesCursor || !shown) refresh();
      shown = true;
    },
    close: () => {
      if (open) editor.close();
    },
  };
}
