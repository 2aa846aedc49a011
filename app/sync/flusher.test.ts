import { afterEach, describe, expect, it } from 'vitest';
import { CursorConflictError } from '../journal/cursor.ts';
import { modelEpoch } from '../journal/testing/epoch-under-test.ts';
import { until } from '../kernel/testing/until.ts';
import type { FlushLimits } from './flusher.ts';
import { ACCOUNTS, Bench, LIMITS } from './testing/flusher-bench.ts';

const benches: Bench[] = [];
async function bench(limits: Partial<FlushLimits> = {}): Promise<Bench> {
  const made = new Bench(await modelEpoch(ACCOUNTS), limits);
  benches.push(made);
  return made;
}
afterEach(async () => {
  for (const each of benches.splice(0)) await each.stop();
});

describe('A failing flush', () => {
  it.each([
    ['without jitter', 0.5, [50, 100, 200, 400, 400, 400]],
    ['with the least jitter', 0, [25, 50, 100, 200, 200, 200]],
    ['with the most jitter', 1, [75, 150, 300, 600, 600, 600]],
  ])('is retried after a delay that doubles up to a limit, %s', async (_what, jitter, expected) => {
    const b = await bench();
    b.clock.jitter = jitter;
    await b.post(1);
    const goOn = await b.failTimes(6);
    expect(b.clock.slept).toEqual(expected);
    expect(b.store.batches).toEqual([]);
    goOn();
  });

  it('alerts once after N failures in a row, keeps retrying, and ends the alert with the next success', async () => {
    const b = await bench();
    await b.post(1);
    const goOn = await b.failTimes(5);
    expect(b.alerts).toEqual([true]);
    expect(b.failures.map(([, inARow]) => inARow)).toEqual([1, 2, 3, 4, 5]);
    const before = b.flusher.lastProgressAt;
    goOn();
    await until('it is flushed', () => b.flusher.failuresInARow === 0);
    expect(b.alerts).toEqual([true, false]);
    expect(b.flusher.lastProgressAt).toBeGreaterThan(before);
  });

  it('does not alert after fewer failures, and does not end an alert that never fired', async () => {
    const b = await bench();
    await b.post(1);
    const goOn = await b.failTimes(2);
    goOn();
    await until('it is flushed', () => b.flusher.failuresInARow === 0);
    expect(b.alerts).toEqual([]);
  });

  it('is reported but fires no alert if another keeper was faster', async () => {
    const b = await bench();
    await b.post(1);
    const started = b.flusher.lastProgressAt;
    b.store.before = async () => {
      throw new CursorConflictError('another keeper was faster');
    };
    b.run();
    await until('the cursor conflicted often', () => b.failures.length > 2 * LIMITS.alertAfterFailures);
    expect(b.failures.every(([, inARow]) => inARow === 0)).toBe(true);
    expect(b.alerts).toEqual([]);
    expect(b.flusher.lastProgressAt).toBeGreaterThan(started);
    expect(b.clock.slept[0]).toBe(500);
  });

  it('is not a journal error if another keeper has flushed and trimmed the entries in the meantime', async () => {
    const b = await bench();
    await b.post(1);
    expect(await b.flusher.round(b.epoch.keeper, 1)).toBe(1);
    await b.post(2);
    await b.post(1);
    b.store.at = { ...b.store.at, seq: 3 };
    await b.epoch.cache.publish(b.epoch.keeper, 3, 3);
    await expect(b.flusher.round(b.epoch.keeper, 1)).rejects.toThrow(CursorConflictError);
    b.flusher.forget();
    expect(await b.flusher.round(b.epoch.keeper, 1)).toBe(1);
    expect(b.store.at.seq).toBe(4);
  });

  it('reads the cursor from MySQL after a commit without a reply, and commits nothing twice', async () => {
    const b = await bench();
    await b.post(3);
    b.store.after = async () => {
      b.store.after = async () => {};
      throw new Error('no answer');
    };
    b.run();
    await until('it has failed once', () => b.failures.length === 1);
    await b.post(2);
    await until('all is flushed', () => b.store.at.seq === 5);
    expect(b.store.batches.map(({ afterSeq, lastSeq }) => [afterSeq, lastSeq])).toEqual([
      [0, 3],
      [3, 5],
    ]);
  });

  it('commits nothing if the cursor is in another epoch', async () => {
    const b = await bench();
    await b.post(1);
    b.store.at = { epoch: 2, seq: 0, idTimeMax: 0 };
    b.run();
    await until('it has failed', () => b.failures.length > 0);
    expect(b.failures[0]?.[0]).toBe('the cursor is in epoch 2, the journal in 1');
    expect(b.store.attempts).toBe(0);
  });

  it('commits nothing if the journal ends before the seq in its head', async () => {
    const b = await bench();
    await b.post(3);
    await b.epoch.cache.publish(b.epoch.keeper, 3, 3);
    b.run();
    await until('it has failed', () => b.failures.length > 0);
    expect(b.failures[0]?.[0]).toBe('the journal ends before 3, at 0');
  });
});

describe('Flusher.run', () => {
  it('waits while there is no journal, and starts when one appears', async () => {
    const b = await bench();
    await b.post(1);
    b.target = null;
    b.run();
    await until('it has waited', () => b.clock.slept.length > 3);
    expect(b.store.attempts).toBe(0);
    expect(b.clock.slept.every((ms) => ms === LIMITS.gatherMs)).toBe(true);
    b.target = b.epoch.keeper;
    await until('it is flushed', () => b.store.at.seq === 1);
  });

  it('waits for more entries after a small batch, and continues immediately after a large one', async () => {
    const b = await bench({ batchMax: 50 });
    for (let n = 0; n < 4; n++) await b.post(50);
    await b.post(1);
    const sleptBefore: number[] = [];
    b.store.before = async () => void sleptBefore.push(b.clock.slept.length);
    b.run();
    await until('it gathers', () => b.clock.slept.length > 0);
    expect(b.store.batches.map(({ lastSeq }) => lastSeq)).toEqual([50, 100, 150, 200, 201]);
    expect(sleptBefore).toEqual([0, 0, 0, 0, 0]);
    expect(b.clock.slept[0]).toBe(LIMITS.gatherMs);
  });

  it('reads fewer entries if they are large, but at least one, and continues immediately while more are waiting', async () => {
    const b = await bench({ charsMax: 1 });
    for (let n = 0; n < 3; n++) await b.post(1);
    b.run();
    await until('it gathers', () => b.clock.slept.length > 0);
    expect(b.store.batches.map(({ lastSeq }) => lastSeq)).toEqual([1, 2, 3]);
  });

  it('reports the backlog and its age', async () => {
    const b = await bench();
    await b.post(2);
    await b.epoch.change('01890000-0000-7000-8000-000000000001', 'ada', { overdraftLimit: 1 });
    await b.flusher.round(b.epoch.keeper, 1);
    expect(b.waiting[0]).toEqual([3, b.clock.wallMs]);
    await b.flusher.round(b.epoch.keeper, 1);
    expect(b.waiting.at(-1)).toEqual([0, null]);
    await b.epoch.change('01890000-0000-7000-8000-000000000002', 'ada', { overdraftLimit: 2 });
    await b.flusher.round(b.epoch.keeper, 1);
    expect(b.waiting.slice(-2)).toEqual([
      [1, b.clock.wallMs],
      [0, null],
    ]);
  });

  it('reports the remaining backlog after a commit, even if Redis is no longer reachable', async () => {
    const b = await bench({ batchMax: 2 });
    for (let n = 0; n < 3; n++) await b.post(2);
    await b.flusher.round(b.epoch.keeper, 1);
    expect(b.waiting.at(-1)).toEqual([4, b.clock.wallMs]);
    await b.flusher.round(b.epoch.keeper, 1);
    await b.flusher.round(b.epoch.keeper, 1);
    expect(b.waiting.at(-1)).toEqual([0, null]);
  });

  it('reports no backlog while it has nothing to flush, and ends its alert', async () => {
    const b = await bench();
    await b.post(1);
    b.store.before = async () => {
      throw new Error('Redis or MySQL is unavailable');
    };
    b.run();
    await until('the alert fires', () => b.alerts.at(-1) === true);
    b.target = null; // the authority has moved
    await until('the alert ends', () => b.alerts.at(-1) === false);
    await until('it reports no backlog', () => b.waiting.at(-1)?.[0] === null);
    expect(b.alerts).toEqual([true, false]);
    expect(b.flusher.failuresInARow).toBe(0);
  });

  it('reports the backlog while MySQL is unavailable, even right after startup', async () => {
    const b = await bench();
    await b.post(2);
    b.store.cursor = () => Promise.reject(new Error('MySQL is unavailable'));
    b.run();
    await until('it reports both entries', () => b.waiting.at(-1)?.[0] === 2);
    expect(b.waiting.at(-1)).toEqual([2, b.waiting[0]?.[1]]);
    expect(b.waiting.at(-1)?.[1]).not.toBeNull();
    await b.post(3);
    await until('it reports all entries', () => b.waiting.at(-1)?.[0] === 5);
  });

  it('ends its alert if another keeper flushes', async () => {
    const b = await bench();
    await b.post(1);
    b.store.before = async () => {
      throw new Error('MySQL does not answer this keeper');
    };
    b.run();
    await until('the alert fires', () => b.alerts.at(-1) === true);
    b.store.before = async () => {
      throw new CursorConflictError('another keeper was faster');
    };
    await until('the alert ends', () => b.alerts.at(-1) === false);
    expect(b.waiting.at(-1)).toEqual([null, null]);
  });
});
