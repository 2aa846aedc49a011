import type { Clock } from '../kernel/clock.ts';
import type { Logger } from '../kernel/log.ts';
import { checkCache } from './check-cache.ts';
import { checkHistory } from './check-history.ts';
import type { CachePages, Drift } from './drift.ts';
import type { LedgerPages } from './ledger-history.ts';

export interface ReconciliationReport {
  startedAt: string;
  finishedAt: string;
  clean: boolean;
  /** Accounts of MySQL whose history was added up. */
  accounts: number;
  transfers: number;
  /** Accounts of the cache that were compared with MySQL. */
  cachedAccounts: number;
  /** Cached accounts whose journal did not reach MySQL in time to be compared. */
  unverified: number;
  /** Sum of all balances per currency, minor units: each must be "0". */
  sums: Record<string, string>;
  driftAccounts: number;
  /** The first accounts that drift, and how. */
  drift: Drift[];
}

interface ReconciliationDependencies {
  /** Null while the cache has no authority: then only MySQL is checked. */
  cache(): CachePages | null;
  ledger: LedgerPages;
  save(report: ReconciliationReport): Promise<void>;
  done(report: ReconciliationReport): void;
  clock: Clock;
  logger: Logger;
}

export const DRIFT_LISTED_MAX = 100;

/**
 * Compares everything with everything: each cached account with MySQL (once its journal is there), each account of MySQL
 * with the sum of its postings and their gap-free versions, and the sums per currency with zero. It names what drifts, and
 * freezes nothing.
 */
export class Reconciliation {
  readonly #deps: ReconciliationDependencies;
  #running: Promise<ReconciliationReport> | null = null;

  constructor(deps: ReconciliationDependencies) {
    this.#deps = deps;
  }

  /** One at a time: who asks while one runs gets the answer of that one. @throws Problem database_unavailable */
  run(): Promise<ReconciliationReport> {
    this.#running ??= this.#run().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  async #run(): Promise<ReconciliationReport> {
    const { cache, ledger, clock, logger } = this.#deps;
    const startedAt = new Date(clock.now()).toISOString();
    const pages = cache();
    const cached = pages ? await checkCache(pages, ledger, clock) : { accounts: 0, unverified: 0, drift: [] };
    const history = await checkHistory(ledger);
    const sums = await ledger.sums();
    const drift = [...cached.drift, ...history.drift];
    const driftAccounts = new Set(drift.map(({ accountId }) => accountId)).size;
    const report: ReconciliationReport = {
      startedAt,
      finishedAt: new Date(clock.now()).toISOString(),
      clean: driftAccounts === 0 && cached.unverified === 0 && Object.values(sums).every((sum) => sum === '0'),
      accounts: history.accounts,
      transfers: history.transfers,
      cachedAccounts: cached.accounts,
      unverified: cached.unverified,
      sums,
      driftAccounts,
      drift: drift.slice(0, DRIFT_LISTED_MAX),
    };
    if (report.clean) logger.info({ reconciliation: report }, 'the books are clean');
    else logger.error({ reconciliation: report }, 'the books drift');
    await this.#deps.save(report);
    this.#deps.done(report);
    return report;
  }
}
