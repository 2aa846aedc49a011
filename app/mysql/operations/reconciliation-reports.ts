import type { ReconciliationReport } from '../../jobs/reconciliation.ts';
import type { Database } from '../connection/pool.ts';

/** The reports of all reconciliations. */
export class ReconciliationReports {
  readonly #database: Pick<Database, 'rows'>;

  constructor(database: Pick<Database, 'rows'>) {
    this.#database = database;
  }

  async save(report: ReconciliationReport): Promise<void> {
    await this.#database.rows(
      'INSERT INTO reconciliations (started_at, finished_at, clean, report) VALUES (?, ?, ?, ?)',
      [new Date(report.startedAt), new Date(report.finishedAt), report.clean, JSON.stringify(report)],
    );
  }

  /** The latest report; null before the first one. */
  async latest(): Promise<{ id: number; report: ReconciliationReport } | null> {
    const [row] = await this.#database.rows<{ id: number; report: string }>(
      'SELECT `id`, report FROM reconciliations ORDER BY `id` DESC LIMIT 1',
    );
    return row ? { id: row.id, report: JSON.parse(row.report) as ReconciliationReport } : null;
  }
}
