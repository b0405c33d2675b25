/** What to do about a file, for somebody with a page: hints speak of the options of a command, of which a page has the dimension alone. */
const INSTEAD: readonly (readonly [RegExp, string])[] = [
  [/Give it: --dim[^.]*\./, "Give it beside the file."],
  [/; or say which of these it is: --format \w+\./, "."],
  [/say which with --format\./, "give it the ending of that."],
  [
    /Say which columns are the vector, as --columns [^;]*; or write each into one cell: (.*)\.$/,
    "Leave the columns of the vector alone in it, or write each vector into one cell: $1.",
  ],
  [/Say which is meant: --vector-column\./, "Leave one of them out."],
];

export function pageHint(hint: string): string {
  return INSTEAD.reduce((text, [option, instead]) => text.replace(option, instead), hint);
}
