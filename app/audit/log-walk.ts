import { decodeEntry } from '../journal/sealed/entry-decoder.ts';
import { transferAccountsIn } from '../journal/sealed/peek.ts';
import type { SealedEntry } from '../journal/sealed/sealed-entry.ts';
import { EMPTY_LOG_HASH, type LogHead, linesOf, type StoredRow, verifyRows } from '../journal/sealed/sealed-rows.ts';
import type { AuditFault, AuditSource, MomentView } from './audit-source.ts';

const PAGE = { rows: 200, bytes: 4 * 1024 * 1024 };

/** The end of a log that has no row yet. */
export const EMPTY_LOG: LogHead = { position: 0, hash: EMPTY_LOG_HASH, sealedAt: 0 };

export interface WalkedEntry {
  entry: SealedEntry;
  line: string;
  position: number;
  index: number;
}

interface Walk {
  from: LogHead;
  /** The last position. */
  to: number;
  /** Selects accounts: transfers between accounts that are not selected are not decoded. */
  isWanted?(accountId: string): boolean;
  /** Called for each row, after its hash was verified. */
  onRow?(row: LogHead): void;
  /** Called after each page; may wait, so that the walk does not use the whole machine. */
  afterPage?(head: LogHead): Promise<void>;
}

/** The log is not the one that was written: it must not be read any further. */
export class BrokenLog extends Error {
  override readonly name = 'BrokenLog';
  readonly fault: AuditFault;
  constructor(position: number, problem: string) {
    super(`position ${position}: ${problem}`);
    this.fault = { position, index: null, what: 'log', problem };
  }
}

const PROBLEMS: Record<string, string> = {
  missing: 'the row is missing',
  order: 'the row is out of order',
  previous_hash: 'it is not chained to the row before it',
  time: 'it is older than the row before it',
  payload: 'its payload cannot be read',
  hash: 'its hash is wrong',
  entries: 'it does not have as many entries as it states',
};

/**
 * Walks the log page by page, and verifies its hashes. @returns the new head @throws BrokenLog at the first position that is
 * wrong
 */
export async function walkLog(
  source: Pick<AuditSource, 'stored'>,
  { from, to, isWanted, onRow, afterPage }: Walk,
  take: (one: WalkedEntry) => void,
): Promise<LogHead> {
  return walkRows(source, { from, to, ...(afterPage && { afterPage }) }, async (rows) => {
    for (const row of rows) {
      onRow?.(row);
      const lines = await linesOf(row);
      for (const [index, line] of lines.entries()) {
        if (isWanted && !concerns(line, isWanted)) continue;
        take({ entry: decoded(line, row.position), line, position: row.position, index });
      }
    }
  });
}

/** Verifies the hashes, without decoding the entries. @throws BrokenLog */
export const walkHashes = (
  source: Pick<AuditSource, 'stored'>,
  from: LogHead,
  to: number,
  afterPage: (head: LogHead) => Promise<void>,
): Promise<LogHead> => walkRows(source, { from, to, afterPage }, async () => {});

async function walkRows(
  source: Pick<AuditSource, 'stored'>,
  { from, to, afterPage }: Pick<Walk, 'from' | 'to' | 'afterPage'>,
  take: (rows: readonly StoredRow[]) => Promise<void>,
): Promise<LogHead> {
  let head = from;
  while (head.position < to) {
    const page = await source.stored(head.position, PAGE);
    const rows = page.filter(({ position }) => position <= to);
    if (rows.length === 0) throw new BrokenLog(head.position + 1, PROBLEMS['missing'] ?? '');
    const verified = await verifyRows(head, rows);
    if ('problem' in verified) throw new BrokenLog(verified.position, PROBLEMS[verified.problem] ?? verified.problem);
    await take(rows);
    head = verified.head;
    await afterPage?.(head);
  }
  return head;
}

function concerns(line: string, isWanted: (accountId: string) => boolean): boolean {
  const accounts = transferAccountsIn(line);
  return accounts === null || accounts.some(isWanted);
}

/** Refuses a log that has a row beyond its end, because feeds would send that row. @throws BrokenLog */
export function refuseBeyond({ beyond }: Pick<MomentView, 'beyond'>): void {
  if (beyond !== null) throw new BrokenLog(beyond, 'it is beyond the recorded end of the log');
}

/** Decodes an entry that waits to be sealed; `head` is the end of the log. @throws BrokenLog */
export const waitingEntry = (line: string, head: Pick<LogHead, 'position'>): SealedEntry =>
  decoded(line, head.position + 1);

function decoded(line: string, position: number): SealedEntry {
  try {
    return decodeEntry(line);
  } catch {
    throw new BrokenLog(position, 'it has an entry that cannot be read');
  }
}
