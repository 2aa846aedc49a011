import { NOTHING_CHECKED, type SelfCheckReport, selfCheck } from '../audit/self-check.ts';
import { SingleRun } from '../jobs/single-run.ts';
import { MysqlAuditBooks } from '../mysql/audit/audit-books.ts';
import { AuditRuns } from '../mysql/audit/audit-runs.ts';
import { JobLease } from '../mysql/operations/job-lease.ts';
import { repeat } from './repeat.ts';
import type { ShardContext } from './shard-context.ts';

/** How often a keeper checks whether the self-check is due, and what the latest run has found. */
const EVERY_MS = 60_000;
const MINUTE_MS = 60_000;
/** A little less than a week, so that the walk over all hashes is due at the same time of day. */
const WALK_EVERY_MS = 6.5 * 24 * 60 * MINUTE_MS;
const ACCOUNTS_MAX = 200_000;
/** After each page, the check pauses for as long as the page took, at most this long. */
const PAUSE_MS_MAX = 1_000;

/** Checks the sealed log against the books, in one keeper at a time. */
export class SharedSelfCheck {
  readonly #context: ShardContext;
  readonly #runs: AuditRuns;
  readonly #single: SingleRun;

  constructor(context: ShardContext) {
    const { database, clock, logger } = context;
    this.#context = context;
    this.#runs = new AuditRuns(database);
    this.#single = new SingleRun({ lease: new JobLease(database, 'audit'), clock, logger: logger.log });
  }

  /** Runs the check if it is due by `AUDIT_CRON`, and no keeper has run it. @throws Problem database_unavailable */
  async whenDue(stopped: AbortSignal): Promise<void> {
    const { jobs, audit } = this.#context.config;
    await this.#single.whenDue({ cron: audit.cron, timeZone: jobs.reconciliationTimeZone }, () => this.run(stopped));
  }

  /** Call only while no other process runs the check. */
  async run(stopped: AbortSignal): Promise<SelfCheckReport> {
    const { clock, config, database, logger } = this.#context;
    const before = await this.#runs.latest();
    const startedAt = clock.now();
    const walkedAt = before?.walkedAt ?? null;
    const deadline = clock.monotonic() + config.audit.minutesMax * MINUTE_MS;
    let pageBegan = clock.monotonic();
    const { report, progress } = await selfCheck(new MysqlAuditBooks(database), before?.progress ?? NOTHING_CHECKED, {
      accountsMax: ACCOUNTS_MAX,
      walksHashes: walkedAt === null || startedAt - walkedAt > WALK_EVERY_MS,
      isTimeOver: () => stopped.aborted || clock.monotonic() > deadline,
      async pause() {
        await clock.sleep(Math.min(PAUSE_MS_MAX, clock.monotonic() - pageBegan), stopped);
        pageBegan = clock.monotonic();
      },
      random: Math.random,
    });
    const finishedAt = clock.now();
    const walked = report.walked ? finishedAt : walkedAt;
    await this.#runs.save({ startedAt, finishedAt, report, progress, walkedAt: walked });
    if (report.clean) logger.log.info({ audit: report }, 'the sealed log agrees with the books');
    else logger.log.error({ audit: report }, 'the sealed log does not agree with the books');
    await this.showLatest();
    return report;
  }

  /**
   * Exports what the latest run, in whatever process, has found. Before the first success, the time when the log began
   * is exported instead, so that an alert notices if no run ever succeeds.
   */
  async showLatest(): Promise<void> {
    const { metrics, sealedLog } = this.#context;
    const [latest, lastSuccessAt] = await Promise.all([this.#runs.latest(), this.#runs.lastSuccessAt()]);
    const [first] = lastSuccessAt === null ? await sealedLog.stored(0, { rows: 1, bytes: 1 }) : [];
    const lastSuccessAtMs = lastSuccessAt ?? first?.sealedAt ?? null;
    metrics.audited({ faults: latest?.report.faults.length ?? 0, lastSuccessAtMs });
  }
}

/** Runs the self-check when it is due, unless `AUDIT_MINUTES_MAX` is 0. */
export async function selfCheckWhenDue(context: ShardContext, stopped: AbortSignal): Promise<void> {
  if (context.config.audit.minutesMax === 0) return;
  const check = new SharedSelfCheck(context);
  const every = { everyMs: EVERY_MS, failure: 'the self-check of the sealed log failed', stopped };
  await repeat(context, every, async () => {
    await check.showLatest();
    await check.whenDue(stopped);
  });
}

/** What operators see of the audit of a shard. @throws Problem database_unavailable */
export async function auditStatus({ database, sealedLog }: ShardContext): Promise<object> {
  const runs = new AuditRuns(database);
  const [head, latest, lastSuccessAt] = await Promise.all([sealedLog.head(), runs.latest(), runs.lastSuccessAt()]);
  const time = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());
  return {
    log: { length: head.position, hash: head.hash, sealedAt: head.position === 0 ? null : time(head.sealedAt) },
    lastCheck: latest && {
      startedAt: time(latest.startedAt),
      finishedAt: time(latest.finishedAt),
      ...latest.report,
    },
    lastSuccessAt: time(lastSuccessAt),
    hashesWalkedAt: time(latest?.walkedAt ?? null),
  };
}
