import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PoolShare } from './pool-share.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('The share of a database in a pool', () => {
  it('admits as many callers as it has connections, then admits the others in order of arrival', async () => {
    const share = new PoolShare(2, 10);
    const entered: number[] = [];
    const enter = (n: number) => share.enter(1000).then(() => entered.push(n));
    const all = [1, 2, 3, 4].map(enter);
    await vi.advanceTimersByTimeAsync(0);
    expect(entered).toEqual([1, 2]);
    share.leave();
    await vi.advanceTimersByTimeAsync(0);
    expect(entered).toEqual([1, 2, 3]);
    share.leave();
    share.leave();
    share.leave();
    await Promise.all(all);
    await enter(5);
    await enter(6);
    void enter(7);
    await vi.advanceTimersByTimeAsync(0);
    expect(entered).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('rejects a caller that has waited too long, and admits the next one', async () => {
    const share = new PoolShare(1, 10);
    await share.enter(1000);
    const late = share.enter(100);
    const patient = share.enter(1000);
    const refused = expect(late).rejects.toMatchObject({ code: 'database_unavailable' });
    await vi.advanceTimersByTimeAsync(100);
    await refused;
    share.leave();
    await patient;
  });

  it('rejects a caller immediately if too many are waiting', async () => {
    const share = new PoolShare(1, 1);
    await share.enter(1000);
    void share.enter(1000);
    await expect(share.enter(1000)).rejects.toMatchObject({ code: 'database_unavailable' });
  });
});
