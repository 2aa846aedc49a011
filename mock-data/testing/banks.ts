import type { BankOptions } from '../bank.ts';
import type { Line, Source, TransferLine } from '../lines.ts';

/** A small bank over two months: two paydays, two rent days. */
export const SMALL_BANK: BankOptions = {
  seed: 'test',
  accounts: 300,
  days: 60,
  transfers: 6000,
  startMs: Date.UTC(2025, 0, 1),
  ids: { kind: 'history' },
  now: () => 0,
};

export async function collect(source: Source): Promise<Line[]> {
  const lines: Line[] = [];
  for await (const line of source.lines) lines.push(line);
  return lines;
}

export function transfersOf(lines: readonly Line[]): TransferLine[] {
  return lines.filter((line): line is TransferLine => line.kind === 'transfer');
}
