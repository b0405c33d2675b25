/**
 * A terminal that is drawn over and over, and is as it was when that ends: on its other screen, without a cursor and without lines that go on in the next row, each frame
 * in one piece over the one before, so that nothing flickers (`?2026` asks terminals that know it to show it at once).
 */
export interface Screen extends Disposable {
  draw(lines: readonly string[], rows: number): void;
}

const ESC = "\u001b[";

export function openScreen(write: (text: string) => void): Screen {
  write(`${ESC}?1049h${ESC}?25l${ESC}?7l`);
  let isOpen = true;
  return {
    draw: (lines, rows) => {
      if (!isOpen) return;
      // The last row is left free of a line's end, which would move all up.
      const shown = lines.slice(0, Math.max(1, rows)).map((line) => `${line}${ESC}K`);
      write(`${ESC}?2026h${ESC}H${shown.join("\r\n")}${ESC}J${ESC}?2026l`);
    },
    [Symbol.dispose]: () => {
      if (!isOpen) return;
      isOpen = false;
      write(`${ESC}?25h${ESC}?7h${ESC}?1049l`);
    },
  };
}
