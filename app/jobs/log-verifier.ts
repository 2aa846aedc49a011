import {
  type ChainFault,
  EMPTY_LOG_HASH,
  type LogHead,
  type StoredRow,
  verifyRows,
} from '../journal/sealed/sealed-rows.ts';

/** The log as it is stored: in MySQL, or in exported files. */
export interface StoredLog {
  /** The end of the log, as recorded by the transactions that append to it. */
  head(): Promise<LogHead>;
  /** The rows after a position, in order; none at the end. */
  stored(after: number, max: { rows: number; bytes: number }): Promise<StoredRow[]>;
}

/** The end of a log that has no row yet. */
export const EMPTY_LOG: LogHead = { position: 0, hash: EMPTY_LOG_HASH, sealedAt: 0 };

export type LogFault = ChainFault | { position: number; problem: 'head' };

const PAGE = { rows: 500, bytes: 8 * 1024 * 1024 };

/**
 * Recomputes the hashes of a log up to its present end, page by page.
 * @param from where to begin: the beginning, or a head that was verified earlier or is known from elsewhere
 * @returns the end of the log, or the first position that is wrong. `head`: the log does not end at its recorded end
 */
export async function verifyLog(log: StoredLog, from = EMPTY_LOG, page = PAGE): Promise<{ head: LogHead } | LogFault> {
  // The end is read first, so rows that are added in the meantime are left to the next run.
  const end = await log.head();
  let head = from;
  while (head.position < end.position) {
    const rows = await log.stored(head.position, page);
    if (rows.length === 0) return { position: head.position + 1, problem: 'missing' };
    const verified = await verifyRows(
      head,
      rows.filter(({ position }) => position <= end.position),
    );
    if ('problem' in verified) return verified;
    head = verified.head;
  }
  return head.position === end.position && head.hash === end.hash
    ? { head }
    : { position: end.position, problem: 'head' };
}
