type Cell = string | number;

/** A table in plain text. Columns of numbers are aligned to the right. */
export function table(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const lines = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...lines.map((line) => String(line[column] ?? '').length)));
  const isNumber = head.map((_, column) => rows.length > 0 && rows.every((row) => typeof row[column] === 'number'));
  const padded = (cell: Cell, column: number): string => {
    const width = widths[column] ?? 0;
    return isNumber[column] ? String(cell).padStart(width) : String(cell).padEnd(width);
  };
  return lines.map((line) => line.map(padded).join('  ').trimEnd()).join('\n');
}
