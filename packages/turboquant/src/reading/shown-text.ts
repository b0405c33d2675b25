/** What stands in a file, as an error may show it: quoted, short, and nothing in it moves a terminal. */
export function shown(text: string): string {
  const quoted = JSON.stringify(text.slice(0, MOST_SHOWN)).replace(/[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069]/g, "?");
  return text.length > MOST_SHOWN ? `${quoted}…` : quoted;
}

const MOST_SHOWN = 40;
