import { describe, expect, it } from 'vitest';
import { FailureReport } from './failure-report.ts';
import { retriedUntil } from './retry.ts';
import { keptLog } from './testing/kept-log.ts';
import { TestClock } from './testing/test-clock.ts';

const failing = (times: number, error = new Error('away')) => {
  const attempts = { made: 0 };
  const work = async () => {
    if (attempts.made++ < times) throw error;
    return 'done';
  };
  return { attempts, work };
};

describe('retriedUntil', () => {
  const plan = (clock: TestClock) => ({
    clock,
    deadlineMs: 10_000,
    baseMs: 100,
    maxMs: 1_500,
    when: (error: unknown) => !(error instanceof TypeError),
    onFailure: () => {},
  });

  it('waits longer after each failure, up to the longest wait, with jitter', async () => {
    const clock = new TestClock();
    expect(await retriedUntil(plan(clock), failing(7).work)).toBe('done');
    expect(clock.slept).toEqual([100, 200, 400, 800, 1500, 1500, 1500]);
    clock.jitter = 0.1;
    await retriedUntil(plan(clock), failing(1).work);
    expect(clock.slept.at(-1)).toBe(60);
  });

  it('makes its last attempt at the deadline, and throws the error of that attempt', async () => {
    const clock = new TestClock();
    const before = clock.monotonic();
    const { attempts, work } = failing(Number.POSITIVE_INFINITY);
    await expect(retriedUntil(plan(clock), work)).rejects.toThrow('away');
    expect(clock.monotonic() - before).toBe(10_000);
    expect(attempts.made).toBe(clock.slept.length + 1);
  });

  it('does not retry after a failure that waiting cannot resolve', async () => {
    const clock = new TestClock();
    await expect(retriedUntil(plan(clock), failing(9, new TypeError('never')).work)).rejects.toThrow('never');
    expect(clock.slept).toEqual([]);
  });
});

describe('FailureReport', () => {
  it('logs a failure when it is new or different, and otherwise every ten seconds', () => {
    const clock = new TestClock();
    const log = keptLog();
    const report = new FailureReport(clock, log, 'waiting');
    for (let second = 0; second < 25; second++) {
      report.failedWith(new Error(second < 22 ? 'refused' : 'timed out'));
      clock.advance(1_000);
    }
    const reports = log.lines.map(({ fields }) => [
      (fields['err'] as Error).message,
      fields['failures'],
      fields['forMs'],
    ]);
    expect(reports).toEqual([
      ['refused', 1, 0],
      ['refused', 11, 10_000],
      ['refused', 21, 20_000],
      ['timed out', 23, 22_000],
    ]);
    report.succeeded();
    report.failedWith('timed out');
    expect(log.lines.at(-1)).toEqual({
      level: 'warn',
      message: 'waiting',
      fields: { err: 'timed out', failures: 1, forMs: 0 },
    });
  });
});
