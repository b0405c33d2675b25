/** Columns of which the first reads from the left and the others, numbers, from the right. */
export function tableLines(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padStart(widths[column] ?? 0))
      .join("   ")
      .trimEnd(),
  );
}

/** Names and what is said of each, below each other. */
export function factLines(facts: readonly (readonly [name: string, says: string])[]): readonly string[] {
  const width = Math.max(...facts.map(([name]) => name.length));
  return facts.map(([name, says]) => `${name.padEnd(width)}   ${says}`);
}
