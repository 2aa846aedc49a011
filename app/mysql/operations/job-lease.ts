import type { JobState, Lease } from '../../jobs/single-run.ts';
import type { Database } from '../connection/pool.ts';

/**
 * The lease on a job: one process runs it at a time. It expires, so that another process can take over from a crashed
 * one.
 */
export class JobLease implements Lease {
  readonly #database: Pick<Database, 'rows'>;
  readonly #job: string;

  constructor(database: Pick<Database, 'rows'>, job: string) {
    this.#database = database;
    this.#job = job;
  }

  async state(): Promise<JobState> {
    const [row] = await this.#database.rows<{ now: Date; held: number; begun_slot: string; done_slot: string }>(
      `SELECT NOW(3) AS \`now\`, COALESCE(leased_until > NOW(3), 0) AS held, begun_slot, done_slot
       FROM job_leases WHERE job = ?`,
      [this.#job],
    );
    if (!row) throw new Error(`job_leases has no row for ${this.#job}: the schema is not migrated`);
    return { nowMs: row.now.getTime(), held: row.held === 1, begunSlot: row.begun_slot, doneSlot: row.done_slot };
  }

  /**
   * @param slot the scheduled time of the run; null for an unscheduled run
   * @returns false if another process has the lease, or has completed this slot
   */
  async take(holder: string, leaseMs: number, slot: string | null): Promise<boolean> {
    const due = slot === null ? '' : 'AND done_slot < ?';
    await this.#database.rows(
      `UPDATE job_leases SET holder = ?, leased_until = NOW(3) + INTERVAL ? MICROSECOND, begun_slot = COALESCE(?, begun_slot)
       WHERE job = ? AND (leased_until IS NULL OR leased_until <= NOW(3)) ${due}`,
      [holder, leaseMs * 1000, slot, this.#job, ...(slot === null ? [] : [slot])],
    );
    return this.#isHeldBy(holder);
  }

  /** @returns false if another process has taken the lease */
  async renew(holder: string, leaseMs: number): Promise<boolean> {
    await this.#database.rows(
      'UPDATE job_leases SET leased_until = NOW(3) + INTERVAL ? MICROSECOND WHERE job = ? AND holder = ?',
      [leaseMs * 1000, this.#job, holder],
    );
    return this.#isHeldBy(holder);
  }

  /** Ends the run, and marks its slot, if it has one, as complete. */
  async finish(holder: string, slot: string | null): Promise<void> {
    await this.#database.rows(
      `UPDATE job_leases SET leased_until = NULL, holder = '', done_slot = COALESCE(?, done_slot)
       WHERE job = ? AND holder = ?`,
      [slot, this.#job, holder],
    );
  }

  async #isHeldBy(holder: string): Promise<boolean> {
    const rows = await this.#database.rows('SELECT 1 FROM job_leases WHERE job = ? AND holder = ?', [
      this.#job,
      holder,
    ]);
    return rows.length > 0;
  }
}
