/** What a process says line by line, as far as it came to say it: half a line, cut off by a kill, is nobody's word. */
export function onWholeLines(input: NodeJS.ReadableStream, take: (line: string) => void): void {
  let begun = "";
  input.setEncoding("utf8");
  input.on("data", (text: string) => {
    const lines = (begun + text).split("\n");
    begun = lines.pop() ?? "";
    for (const line of lines) take(line);
  });
}
