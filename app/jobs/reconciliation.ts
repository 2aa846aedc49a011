import type { Clock } from '../kernel/clock.ts';
import type { Logger } from '../kernel/log.ts';
import { checkCache } from './check-cache.ts';
import { checkHistory, checkHolds } from './check-history.ts';
import type { CachePages, Drift } from './drift.ts';
import type { LedgerPages } from './ledger-history.ts';

export interface ReconciliationReport {
  startedAt: string;
  finishedAt: string;
  clean: boolean;
  /** Number of accounts in MySQL whose postings were added up. */
  accounts: number;
  transfers: number;
  /** Number of cached accounts that were compared with MySQL. */
  cachedAccounts: number;
  /** Number of cached accounts whose journal entries did not reach MySQL in time to be compared. */
  unverified: number;
  /** Sum of all balances per currency, minor units: each must be "0". */
  sums: Record<string, string>;
  driftAccounts: number;
  /** The first groups that lack some of their transfers in MySQL. */
  groupsInPart: string[];
  /** Number of holds in MySQL whose events and captures were added up. */
  holds: number;
  /** The first holds whose events and captures do not lead to their state. */
  inconsistentHolds: string[];
  /** The first inconsistent accounts, with details. */
  drift: Drift[];
}

interface ReconciliationDependencies {
  /** Null while the cache is not the authority: then only MySQL is checked. */
  cache(): CachePages | null;
  ledger: LedgerPages;
  save(report: ReconciliationReport): Promise<void>;
  done(report: ReconciliationReport): void;
  clock: Clock;
  logger: Logger;
}

export const DRIFT_LISTED_MAX = 100;

/**
 * Compares every cached account with MySQL (once its journal entries are there), every account in MySQL with the sums
 * of its postings and hold events, whose versions must not have gaps, every group with its transfers, every hold with
 * its events and captures, and the sums per currency with zero. It reports drift but freezes nothing.
 */
export class Reconciliation {
  readonly #deps: ReconciliationDependencies;
  #running: Promise<ReconciliationReport> | null = null;

  constructor(deps: ReconciliationDependencies) {
    this.#deps = deps;
  }

  /** One run at a time: callers that arrive during a run get its result. @throws Problem database_unavailable */
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
    const groupsInPart: string[] = [];
    for await (const page of ledger.groupsInPart()) groupsInPart.push(...page);
    const holds = await checkHolds(ledger);
    const drift = [...cached.drift, ...history.drift];
    const driftAccounts = new Set(drift.map(({ accountId }) => accountId)).size;
    const report: ReconciliationReport = {
      startedAt,
      finishedAt: new Date(clock.now()).toISOString(),
      clean:
        driftAccounts === 0 &&
        groupsInPart.length === 0 &&
        holds.inconsistent.length === 0 &&
        cached.unverified === 0 &&
        Object.values(sums).every((sum) => sum === '0'),
      accounts: history.accounts,
      transfers: history.transfers,
      cachedAccounts: cached.accounts,
      unverified: cached.unverified,
      sums,
      driftAccounts,
      groupsInPart: groupsInPart.slice(0, DRIFT_LISTED_MAX),
      holds: holds.holds,
      inconsistentHolds: holds.inconsistent.slice(0, DRIFT_LISTED_MAX),
      drift: drift.slice(0, DRIFT_LISTED_MAX),
    };
    if (report.clean) logger.info({ reconciliation: report }, 'reconciliation found no drift');
    else logger.error({ reconciliation: report }, 'reconciliation found drift');
    await this.#deps.save(report);
    this.#deps.done(report);
    return report;
  }
}
