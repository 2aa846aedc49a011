import { expect, it } from 'vitest';
import { Cluster } from '../../../verification/harness/cluster.ts';
import { throughKills } from './harness/through-kills.ts';

const TRANSFERS = 30_000;
const MS_MAX = 900_000;

it(
  'while pods and Redis are killed, the client reports exactly what is in the books',
  async () => {
    await using cluster = await Cluster.start({ pods: 2, env: { REDIS_STEADY_AFTER_MS: '500' } });
    cluster.keep = true;
    const { counts, repeated, comparison, faults } = await throughKills(cluster, {
      transfers: TRANSFERS,
      pauseMs: 1_000,
    });
    expect(comparison).toEqual({ wrong: [], unexpected: [], balances: [] });
    expect((counts['posted'] ?? 0) + (counts['rejected'] ?? 0) + (counts['failed'] ?? 0)).toBe(TRANSFERS + 200);
    expect(counts['rejected']).toBeGreaterThan(0);
    // One in 50 exceeds the balance of its source.
    expect(counts['posted']).toBeGreaterThan(0.9 * TRANSFERS);
    // The faults affected requests.
    expect(repeated).toBeGreaterThan(0);
    // At least one fault of a pod, and one of Redis.
    expect(faults.length).toBeGreaterThanOrEqual(2);
    cluster.keep = false;
  },
  MS_MAX,
);
