/** Tables for people. */

/** Columns of equal width; numbers stand to the right. */
export function formatTable(
  head: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): string {
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => String(row[i]).length)));
  const isNumber = head.map(
    (_, i) => rows.length > 0 && rows.every((row) => /^-?[0-9.]+$/.test(String(row[i]))),
  );
  const line = (cells: readonly (string | number)[]) =>
    cells
      .map((cell, i) => (isNumber[i] ? String(cell).padStart(widths[i]!) : String(cell).padEnd(widths[i]!)))
      .join("  ")
      .trimEnd();
  return [line(head), ...rows.map(line)].join("\n");
}
