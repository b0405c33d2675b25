/** The forms in which services write how long to wait. */
export const WAIT_FORMS = ["seconds", "date", "duration", "milliseconds", "fraction", "words", "three-days", "nothing"] as const;
export type WaitForm = (typeof WAIT_FORMS)[number];

const THREE_DAYS_S = 259_200;

/** Fields of a refusal, and the words in its message. `dateMs`: now, since 1970. */
export function waitIn(
  form: WaitForm,
  waitMs: number,
  dateMs: number,
): { readonly fields: Readonly<Record<string, string>>; readonly words: string } {
  const seconds = Math.max(1, Math.ceil(waitMs / 1000));
  switch (form) {
    case "seconds":
      return { fields: { "retry-after": String(seconds) }, words: "" };
    case "date":
      return { fields: { "retry-after": new Date(dateMs + seconds * 1000).toUTCString() }, words: "" };
    case "duration":
      return { fields: { "retry-after": `${Math.floor(seconds / 60)}m${seconds % 60}s` }, words: "" };
    case "milliseconds":
      return { fields: { "retry-after-ms": String(Math.ceil(waitMs)), "retry-after": String(seconds) }, words: "" };
    case "fraction":
      return { fields: { "retry-after": (Math.ceil(waitMs) / 1000).toFixed(3) }, words: "" };
    case "words":
      return { fields: {}, words: ` Please try again in ${Math.ceil(waitMs)}ms.` };
    case "three-days":
      return { fields: { "retry-after": String(THREE_DAYS_S) }, words: "" };
    case "nothing":
      return { fields: {}, words: "" };
  }
}
