import type { Windows } from '../domain/limits.ts';
import type { LogHead } from '../journal/sealed/sealed-rows.ts';
import { AccountCheck } from './account-check.ts';
import type { AnchorCheck } from './anchors.ts';
import type { AuditFault, AuditSource } from './audit-source.ts';
import { BrokenLog, EMPTY_LOG, walkLog } from './log-walk.ts';
import { RowCheck } from './row-check.ts';

/** Maximum number of faults in a report. */
export const FAULTS_MAX = 100;

export interface AuditReport {
  ledgerId: string;
  shard: number;
  clean: boolean;
  /** The end of the audited log: everything up to here was checked. */
  position: number;
  hash: string;
  /** The time of this end, ms. */
  at: number;
  entries: number;
  /** Entries of types that this release does not know. They were not checked. */
  unknown: number;
  accounts: number;
  /** Rows of the books that were compared with the log, and those that are older than it. */
  rows: number;
  olderRows: number;
  /** Accounts that have a state in the log instead of an opening. */
  states: StatesReport;
  /** The first faults: those of the log itself, then those of rows, accounts and holds. */
  faults: AuditFault[];
}

/**
 * A keeper adds the state of each account that it finds without an opening in the log. Such an account is older than
 * the log, or was opened by an older release, or was inserted by SQL; only these figures reveal an insertion.
 */
interface StatesReport {
  /** False: keepers are still looking for such accounts, so neither these accounts nor the sums were checked. */
  areComplete: boolean;
  accounts: number;
  /** Those that were opened after the log began. */
  openedLater: number;
  /** The position of the latest one; null if there is none. */
  lastPosition: number | null;
}

export interface AuditOptions {
  /** Maximum number of accounts in memory; a larger ledger takes several passes over the log. */
  accountsMax: number;
  /** Hashes that were stored elsewhere: they reveal a log that was recomputed. */
  anchors?: AnchorCheck;
  /** Called at the beginning of each stage, and after each page of the first pass. */
  progress?(stage: 'log' | 'rows' | 'accounts', position: number): Promise<void>;
}

/**
 * Recomputes everything in the books from the log, and names what differs: first it verifies the hashes of the log, then it
 * compares the rows that never change, then it replays accounts and holds. A log with a wrong hash is not read any further.
 */
export async function audit(source: AuditSource, options: AuditOptions): Promise<AuditReport> {
  const scope = await source.begin();
  const { ledgerId, shard, head, at } = scope;
  const counts = { entries: 0, unknown: 0, accounts: 0, rows: 0, olderRows: 0 };
  const states: StatesReport = { areComplete: scope.isComplete, accounts: 0, openedLater: 0, lastPosition: null };
  const faults: AuditFault[] = [];
  const reportOf = (): AuditReport => ({
    ...{ ledgerId, shard, clean: faults.length === 0, position: head.position, hash: head.hash, at },
    ...counts,
    states,
    faults: faults.slice(0, FAULTS_MAX),
  });
  const [first] = await source.stored(0, { rows: 1, bytes: 1 });
  const logBeganAt = first?.sealedAt ?? Number.POSITIVE_INFINITY;
  const rows = new RowCheck(source, logBeganAt);
  let openings = 0;
  try {
    const afterPage = async (now: { position: number }) => options.progress?.('log', now.position);
    const onRow = (row: LogHead) => options.anchors?.take(row);
    const end = await walkLog(source, { from: EMPTY_LOG, to: head.position, onRow, afterPage }, (one) => {
      counts.entries += 1;
      if (one.entry.kind === 'unknown') counts.unknown += 1;
      if (one.entry.kind === 'account-opened' || one.entry.kind === 'account-state') openings += 1;
      if (one.entry.kind === 'account-state') {
        states.accounts += 1;
        if (one.entry.openedAt >= logBeganAt) states.openedLater += 1;
        states.lastPosition = one.position;
      }
      rows.take(one);
    });
    if (end.hash !== head.hash) throw new BrokenLog(head.position, 'it is not the recorded end of the log');
    faults.push(...(options.anchors?.faults(end) ?? []));
    await options.progress?.('rows', head.position);
    faults.push(...(await rows.run(scope, FAULTS_MAX)));
    await options.progress?.('accounts', head.position);
    const accounts = new AccountCheck(source, scope, {
      parts: Math.max(1, Math.ceil(openings / options.accountsMax)),
      logBeganAt,
      windowsAt: windowsOver(await source.calendar()),
      fault: (fault) => {
        if (faults.length < FAULTS_MAX) faults.push(fault);
      },
    });
    await accounts.run();
    Object.assign(counts, { accounts: accounts.accounts, rows: rows.rows, olderRows: rows.olderRows });
  } catch (error) {
    if (!(error instanceof BrokenLog)) throw error;
    faults.unshift(error.fault, ...(options.anchors?.faults(null) ?? []));
  }
  return reportOf();
}

/** The windows of a time, by binary search: a calendar of many years is searched for each entry. */
export function windowsOver(days: readonly Windows[]): (time: number) => Windows | null {
  return (time) => {
    let [low, high] = [0, days.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((days[middle]?.dayStart ?? 0) <= time) low = middle + 1;
      else high = middle;
    }
    // The last day only marks the end of the one before it.
    return low === 0 || low === days.length ? null : (days[low - 1] ?? null);
  };
}
