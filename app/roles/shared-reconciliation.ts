import { Problem } from '../domain/problem.ts';
import type { CachePages } from '../jobs/drift.ts';
import { Reconciliation, type ReconciliationReport } from '../jobs/reconciliation.ts';
import { SingleRun } from '../jobs/single-run.ts';
import { SqlLedgerPages } from '../mysql/ledger/ledger-pages.ts';
import { JobLease } from '../mysql/operations/job-lease.ts';
import { ReconciliationReports } from '../mysql/operations/reconciliation-reports.ts';
import type { ShardContext } from './shard-context.ts';

/** How long a request waits for the run of another process. */
const WAIT_MS_MAX = 600_000;

/** Runs the reconciliation in one process at a time. */
export class SharedReconciliation {
  readonly #context: ShardContext;
  readonly #reconciliation: Reconciliation;
  readonly #reports: ReconciliationReports;
  readonly #single: SingleRun;
  readonly #waitMsMax: number;

  constructor(context: ShardContext, cache: () => CachePages | null, waitMsMax = WAIT_MS_MAX) {
    const { database, clock, logger } = context;
    this.#context = context;
    this.#reconciliation = createReconciliation(context, cache);
    this.#reports = new ReconciliationReports(database);
    this.#single = new SingleRun({ lease: new JobLease(database, 'reconciliation'), clock, logger: logger.log });
    this.#waitMsMax = waitMsMax;
  }

  /**
   * Runs the reconciliation, followed by `alongWithIt`, if it is due by `RECONCILIATION_CRON` and no keeper has run it.
   * @throws Problem database_unavailable
   */
  async whenDue(alongWithIt: () => Promise<unknown> = async () => {}): Promise<void> {
    const { reconciliationCron: cron, reconciliationTimeZone: timeZone } = this.#context.config.jobs;
    await this.#single.whenDue({ cron, timeZone }, async () => {
      await this.#reconciliation.run();
      await alongWithIt();
    });
  }

  /**
   * Runs the reconciliation now; a call during a run of another process gets the report of that run. @throws Problem
   * overloaded after a long wait
   */
  async run(): Promise<ReconciliationReport> {
    const deadlineMs = this.#context.clock.monotonic() + this.#waitMsMax;
    for (;;) {
      const before = await this.#reports.latest();
      const report = await this.#single.now(() => this.#reconciliation.run());
      if (report) return report;
      if (!(await this.#single.idle(deadlineMs))) {
        const detail = 'Another process is still running a reconciliation. Send the request again later.';
        throw new Problem('overloaded', detail, { retryAfterSeconds: 60 });
      }
      const after = await this.#reports.latest();
      if (after && after.id !== before?.id) return after.report;
    }
  }
}

export function createReconciliation(context: ShardContext, cache: () => CachePages | null): Reconciliation {
  const { database, reader, flushStore, clock, logger, metrics } = context;
  const reports = new ReconciliationReports(database);
  return new Reconciliation({
    cache,
    ledger: new SqlLedgerPages({ database, reader, flush: flushStore }),
    clock,
    logger: logger.log,
    save: (report) => reports.save(report),
    done(report) {
      const driftMinorUnits: Record<string, number> = {};
      for (const { currency, minorUnits } of report.drift) {
        driftMinorUnits[currency] = (driftMinorUnits[currency] ?? 0) + Math.abs(minorUnits);
      }
      metrics.reconciled({
        driftAccounts: report.driftAccounts + report.groupsInPart.length + report.inconsistentHolds.length,
        driftMinorUnits,
        endedAtMs: clock.now(),
      });
    },
  });
}
