import { type CheckProgress, NOTHING_CHECKED, type SelfCheckReport } from '../../audit/self-check.ts';
import type { LogHead } from '../../journal/sealed/sealed-rows.ts';
import type { Database } from '../connection/pool.ts';

/** A run of the self-check, with the progress from which the next one continues. Times in ms since 1970. */
export interface AuditRun {
  startedAt: number;
  finishedAt: number;
  report: SelfCheckReport;
  progress: CheckProgress;
  /** When all hashes were last walked; null: never. */
  walkedAt: number | null;
}

interface Columns {
  started_at: Date;
  finished_at: Date;
  checked_position: number;
  checked_hash: Buffer;
  checked_sealed_at: Date;
  walk_position: number | null;
  walk_hash: Buffer | null;
  walk_sealed_at: Date | null;
  walked_at: Date | null;
  report: string;
}

/** The runs of the self-check. */
export class AuditRuns {
  readonly #database: Pick<Database, 'rows'>;
  constructor(database: Pick<Database, 'rows'>) {
    this.#database = database;
  }

  /** Null before the first one. */
  async latest(): Promise<AuditRun | null> {
    const [row] = await this.#database.rows<Columns>(
      `SELECT started_at, finished_at, checked_position, checked_hash, checked_sealed_at, walk_position, walk_hash,
         walk_sealed_at, walked_at, report FROM audit_runs ORDER BY \`id\` DESC LIMIT 1`,
    );
    if (!row) return null;
    const checkpoint = headOf(row.checked_position, row.checked_hash, row.checked_sealed_at);
    return {
      startedAt: row.started_at.getTime(),
      finishedAt: row.finished_at.getTime(),
      report: JSON.parse(row.report) as SelfCheckReport,
      progress: {
        checkpoint: checkpoint ?? NOTHING_CHECKED.checkpoint,
        walk: headOf(row.walk_position, row.walk_hash, row.walk_sealed_at),
      },
      walkedAt: row.walked_at?.getTime() ?? null,
    };
  }

  /** When a run was last completed without finding a fault, ms since 1970; null: never. */
  async lastSuccessAt(): Promise<number | null> {
    const [row] = await this.#database.rows<{ finished_at: Date }>(
      'SELECT finished_at FROM audit_runs WHERE clean = 1 AND complete = 1 ORDER BY `id` DESC LIMIT 1',
    );
    return row?.finished_at.getTime() ?? null;
  }

  async save({ startedAt, finishedAt, report, progress, walkedAt }: AuditRun): Promise<void> {
    const { checkpoint, walk } = progress;
    await this.#database.rows(
      `INSERT INTO audit_runs (started_at, finished_at, clean, complete, checked_position, checked_hash, checked_sealed_at,
         walk_position, walk_hash, walk_sealed_at, walked_at, report) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      [
        ...[new Date(startedAt), new Date(finishedAt), report.clean, report.complete],
        ...[checkpoint.position, Buffer.from(checkpoint.hash, 'hex'), new Date(checkpoint.sealedAt)],
        ...(walk ? [walk.position, Buffer.from(walk.hash, 'hex'), new Date(walk.sealedAt)] : [null, null, null]),
        ...[walkedAt === null ? null : new Date(walkedAt), JSON.stringify(report)],
      ],
    );
  }
}

const headOf = (position: number | null, hash: Buffer | null, sealedAt: Date | null): LogHead | null =>
  position === null || !hash || !sealedAt
    ? null
    : { position, hash: hash.toString('hex'), sealedAt: sealedAt.getTime() };
