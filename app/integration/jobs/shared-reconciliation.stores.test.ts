import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { until } from '../../kernel/testing/until.ts';
import { JobLease } from '../../mysql/operations/job-lease.ts';
import { SharedReconciliation } from '../../roles/shared-reconciliation.ts';
import { BooksBench } from '../testing/books-bench.ts';

let bench: BooksBench;
/** The lease of a run in another process. */
let lease: JobLease;
beforeAll(async () => {
  bench = await BooksBench.start();
  lease = new JobLease(bench.db.database, 'reconciliation');
});
afterAll(() => bench.stop());
beforeEach(async () => {
  await bench.reset();
  await bench.db.database.rows("UPDATE job_leases SET holder = '', leased_until = NULL");
});

const requested = (waitMsMax?: number) => new SharedReconciliation(bench.context, () => null, waitMsMax).run();

describe('A reconciliation requested while another process is running one', () => {
  it('returns the report of that run', async () => {
    await lease.take('another', 60_000, null);
    const queries = vi.spyOn(bench.context.database, 'rows');
    const answer = requested();
    await until('it waits', () => queries.mock.calls.some(([sql]) => String(sql).includes('leased_until > NOW(3)')));
    queries.mockRestore();
    const report = await bench.reconciliation().run();
    await lease.finish('another', null);
    expect(await answer).toEqual(report);
  });

  it('runs here if that process dies', async () => {
    await lease.take('another', 60_000, null);
    const answer = requested();
    const before = await bench.db.database.rows('SELECT 1 FROM reconciliations');
    await bench.db.database.rows('UPDATE job_leases SET leased_until = NOW(3) - INTERVAL 1 SECOND');
    await answer;
    await until('the lease is released', async () => !(await lease.state()).held);
    expect(await bench.db.database.rows('SELECT 1 FROM reconciliations')).toHaveLength(before.length + 1);
  });

  it('is rejected after a limited wait, and may be repeated', async () => {
    await lease.take('another', 60_000, null);
    await expect(requested(0)).rejects.toMatchObject({ code: 'overloaded', retryable: true });
    expect((await lease.state()).held).toBe(true);
  });
});
