import { Problem } from '../domain/problem.ts';
import type { CachePages } from '../jobs/drift.ts';
import { Reconciliation, type ReconciliationReport } from '../jobs/reconciliation.ts';
import { SingleRun } from '../jobs/single-run.ts';
import type { Caller } from '../journal/cache-port.ts';
import { SqlLedgerPages } from '../mysql/ledger/ledger-pages.ts';
import { JobLease } from '../mysql/operations/job-lease.ts';
import { Keys } from '../redis/keys.ts';
import type { Context } from './context.ts';

const SCAN_COUNT = 500;
/** How long a request waits for the run of another process. */
const WAIT_MS_MAX = 600_000;

/** The cached accounts of an epoch, page by page. */
export function cachePages({ redis, scripts, config }: Context, caller: Caller): CachePages {
  const { accounts } = new Keys(config.ledger.keyPrefix, caller.epoch);
  return {
    epoch: caller.epoch,
    async scan(position) {
      // Only the ids are taken from here; what the accounts are is read by a script that checks where it runs.
      const [next, pairs] = await answered(redis.hscan(accounts, position, 'COUNT', SCAN_COUNT));
      return { next, accountIds: pairs.filter((_, index) => index % 2 === 0) };
    },
    read: (accountIds) => answered(scripts.read(caller, accountIds)),
  };
}

/** Who asked for a reconciliation may ask again when Redis is back, or another epoch has begun. */
async function answered<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    throw new Problem('ledger_switching', 'the cache does not answer as the one of this epoch', {}, { cause: error });
  }
}

/** The reconciliation, in one process at a time. */
export class SharedReconciliation {
  readonly #context: Context;
  readonly #reconciliation: Reconciliation;
  readonly #single: SingleRun;
  readonly #waitMsMax: number;

  constructor(context: Context, cache: () => CachePages | null, waitMsMax = WAIT_MS_MAX) {
    const { database, clock, logger } = context;
    this.#context = context;
    this.#reconciliation = createReconciliation(context, cache);
    this.#single = new SingleRun({ lease: new JobLease(database, 'reconciliation'), clock, logger: logger.log });
    this.#waitMsMax = waitMsMax;
  }

  /** Runs it if it is due by `RECONCILIATION_CRON` and no keeper has run it. @throws Problem database_unavailable */
  async whenDue(): Promise<void> {
    const { reconciliationCron: cron, reconciliationTimeZone: timeZone } = this.#context.config.jobs;
    await this.#single.whenDue({ cron, timeZone }, () => this.#reconciliation.run());
  }

  /** Runs it now; a call during a run of another process gets that run's report. @throws Problem overloaded after a long wait */
  async run(): Promise<ReconciliationReport> {
    const deadlineMs = this.#context.clock.monotonic() + this.#waitMsMax;
    for (;;) {
      const before = await this.#latest();
      const report = await this.#single.now(() => this.#reconciliation.run());
      if (report) return report;
      if (!(await this.#single.idle(deadlineMs))) {
        const detail = 'Another process is still running a reconciliation. Send the request again later.';
        throw new Problem('overloaded', detail, { retryAfterSeconds: 60 });
      }
      const after = await this.#latest();
      if (after && after.id !== before?.id) return JSON.parse(after.report) as ReconciliationReport;
    }
  }

  async #latest(): Promise<{ id: number; report: string } | undefined> {
    const [row] = await this.#context.database.rows<{ id: number; report: string }>(
      'SELECT `id`, report FROM reconciliations ORDER BY `id` DESC LIMIT 1',
    );
    return row;
  }
}

export function createReconciliation(context: Context, cache: () => CachePages | null): Reconciliation {
  const { database, reader, flushStore, clock, logger, metrics } = context;
  return new Reconciliation({
    cache,
    ledger: new SqlLedgerPages({ database, reader, flush: flushStore }),
    clock,
    logger: logger.log,
    async save(report) {
      await database.rows('INSERT INTO reconciliations (started_at, finished_at, clean, report) VALUES (?, ?, ?, ?)', [
        new Date(report.startedAt),
        new Date(report.finishedAt),
        report.clean,
        JSON.stringify(report),
      ]);
    },
    done(report) {
      const driftMinorUnits: Record<string, number> = {};
      for (const { currency, minorUnits } of report.drift) {
        driftMinorUnits[currency] = (driftMinorUnits[currency] ?? 0) + Math.abs(minorUnits);
      }
      metrics.reconciled({ driftAccounts: report.driftAccounts, driftMinorUnits, endedAtMs: clock.now() });
    },
  });
}
