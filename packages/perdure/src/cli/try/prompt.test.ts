import { PassThrough } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { createPrompt, type Prompt } from "./prompt.ts";

interface Typing {
  readonly prompt: Prompt;
  readonly type: (text: string) => Promise<void>;
  readonly keys: string[];
  readonly lines: string[];
  readonly ended: () => boolean;
  /** The rows a terminal of 20 columns shows. */
  readonly screen: () => readonly string[];
}

function typing(movesCursor = true): Typing {
  const stdin = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => {} });
  const stdout = Object.assign(new PassThrough(), { isTTY: true, columns: 20 });
  const keys: string[] = [];
  const lines: string[] = [];
  let ended = false;
  let written = "";
  stdout.on("data", (chunk) => {
    written += String(chunk);
  });
  const prompt = createPrompt({
    stdin,
    stdout,
    movesCursor,
    onLine: (line) => void lines.push(line),
    onKey: (letter) => void keys.push(letter),
    onEnd: () => {
      ended = true;
    },
  });
  const type = async (text: string): Promise<void> => {
    stdin.write(text);
    await pause(5);
  };
  return { prompt, type, keys, lines, ended: () => ended, screen: () => shown(written, 20) };
}

/** As much of a terminal as the editor uses: moving up, to a column, clearing down, wrapping. */
function shown(written: string, columns: number): readonly string[] {
  const rows: string[][] = [[]];
  let row = 0;
  let column = 0;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control sequences are what is looked for.
  for (const [piece, digits, control] of written.matchAll(/\u001b\[(\d*)([A-Z])|[\s\S]/g)) {
    const count = Number(digits || 1);
    if (control === "A") row = Math.max(0, row - count);
    else if (control === "B") row += count;
    else if (control === "C") column += count;
    else if (control === "D") column = Math.max(0, column - count);
    else if (control === "G") column = count - 1;
    else if (control === "J") {
      rows.length = row + 1;
      rows[row] = (rows[row] ?? []).slice(0, column);
    } else if (piece === "\n") {
      row++;
      column = 0;
    } else if (piece === "\r") column = 0;
    else {
      if (column >= columns) {
        row++;
        column = 0;
      }
      const letters = rows[row] ?? [];
      letters[column++] = piece;
      rows[row] = letters;
    }
    rows[row] ??= [];
  }
  return rows.map((letters) =>
    Array.from(letters, (letter) => letter ?? " ")
      .join("")
      .trimEnd(),
  );
}

describe("the prompt of the trial", () => {
  it("what happens stands above the line being typed", async () => {
    const { prompt, type, screen } = typing();
    prompt.show("up > ");
    await type("hel");
    prompt.print("something happened");
    await type("lo");
    expect(screen()).toEqual(["something happened", "up > hello"]);
  });

  it("a line that wraps leaves nothing behind when something happens or the prompt changes", async () => {
    const { prompt, type, screen } = typing();
    prompt.show("up > ");
    await type("0123456789012345678901234567890123456789");
    prompt.show("dead > ");
    prompt.print("it died");
    expect(screen()).toEqual(["it died", "dead > 0123456789012", "34567890123456789012", "3456789"]);
  });

  it("keys count only while the line is empty", async () => {
    const { prompt, type, keys, lines } = typing();
    prompt.show("> ");
    await type("\u0013");
    await type("text");
    await type("\u0013");
    await type("\r");
    expect(keys).toContain("s");
    expect(keys.filter((key) => key === "s")).toHaveLength(1);
    expect(lines).toEqual(["text"]);
  });

  it("Ctrl-C and Ctrl-D end it", async () => {
    for (const key of ["\u0003", "\u0004"]) {
      const { prompt, type, ended } = typing();
      prompt.show("> ");
      await type(key);
      expect(ended()).toBe(true);
    }
  });

  it("a terminal that cannot move its cursor gets plain lines", async () => {
    const { prompt, screen } = typing(false);
    prompt.show("up > ");
    prompt.print("something happened");
    expect(screen()).toEqual(["up >", "something happened", "up >"]);
  });
});
