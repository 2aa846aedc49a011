import { describe, expect, it } from 'vitest';
import { type LiveReport, type LiveShard, quantileMs, sampleBetween } from '../src/rates.ts';

const shard = (different: Partial<LiveShard> = {}): LiveShard => ({
  ...{ shard: 0, mode: 'CACHE', epoch: 3, stopped: false, open: true, seq: 100, cursor: 90, oldestUnflushedMs: 20 },
  ...{ queuedTransfers: 0, complaints: [] },
  ...different,
});
const report = (second: number, different: Partial<LiveReport> = {}): LiveReport => ({
  at: new Date(second * 1000).toISOString(),
  processId: 'pod-1',
  transferRequests: [],
  shards: [shard()],
  ...different,
});
const buckets = (...counts: readonly [number | null, number][]) =>
  counts.map(([leSeconds, count]) => ({ leSeconds, count }));

describe('The rates between two reports', () => {
  it('cover all pods for the journal, and only this pod for requests', () => {
    const before = report(10, { transferRequests: buckets([0.001, 5], [null, 10]) });
    const after = report(12, { shards: [shard({ seq: 300 })], transferRequests: buckets([0.001, 5], [null, 30]) });
    expect(sampleBetween(before, after)).toMatchObject({ outcomesPerSecond: 100, requestsPerSecond: 10 });
  });
  it('are the sum of all shards', () => {
    const before = report(10, { shards: [shard(), shard({ shard: 1, seq: 7 })] });
    const after = report(11, { shards: [shard({ seq: 110 }), shard({ shard: 1, seq: 12 })] });
    expect(sampleBetween(before, after).outcomesPerSecond).toBe(15);
  });
  it.each([
    ['there is no earlier report', null, report(10)],
    ['the epoch has changed', report(10), report(11, { shards: [shard({ epoch: 4, seq: 1 })] })],
    ['there is no journal', report(10), report(11, { shards: [shard({ mode: 'DIRECT', seq: null })] })],
    ['the clock of the pod was set back', report(11), report(10)],
  ])('are unknown if %s', (_why, before, after) => {
    expect(sampleBetween(before, after).outcomesPerSecond).toBeNull();
  });
  it('do not mix the requests of two pods', () => {
    const before = report(10, { transferRequests: buckets([null, 1_000]) });
    const after = report(11, { processId: 'pod-2', transferRequests: buckets([null, 10]) });
    expect(sampleBetween(before, after)).toMatchObject({ requestsPerSecond: null, p99Ms: null });
  });
});

describe('A quantile', () => {
  it('is interpolated within its bucket', () => {
    expect(quantileMs(buckets([0.001, 0], [0.002, 100], [null, 100]), 0.5)).toBeCloseTo(1.5);
  });
  it('is the largest bound if it exceeds all bounds, and unknown if there were no requests', () => {
    expect(quantileMs(buckets([0.001, 0], [null, 10]), 0.99)).toBe(1);
    expect(quantileMs(buckets([0.001, 0], [null, 0]), 0.5)).toBeNull();
    expect(quantileMs([], 0.5)).toBeNull();
  });
});
