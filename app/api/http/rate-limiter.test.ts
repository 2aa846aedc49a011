import { beforeEach, describe, expect, it } from 'vitest';
import { TestClock } from '../../kernel/testing/test-clock.ts';
import { type DemandExchange, RateLimiter } from './rate-limiter.ts';

/** A clock whose timers run when the test triggers them. */
class StepClock extends TestClock {
  readonly timers: (() => void)[] = [];
  override after = (_ms: number, action: () => void) => {
    this.timers.push(action);
    return () => {};
  };
}

/** Adds up what the pods reported last. */
class SharedTotals {
  readonly #reports = new Map<string, ReadonlyMap<string, number>>();
  isAway = false;

  of(pod: string): DemandExchange {
    return {
      exchange: async (demand) => {
        if (this.isAway) throw new Error('Redis is unavailable');
        this.#reports.set(pod, demand);
        const total = (user: string) => [...this.#reports.values()].reduce((sum, one) => sum + (one.get(user) ?? 0), 0);
        return new Map([...demand.keys()].map((user) => [user, total(user)]));
      },
    };
  }
}

let clock: StepClock;
let totals: SharedTotals;
beforeEach(() => {
  clock = new StepClock();
  totals = new SharedTotals();
});
const limiter = (pod: string, perSecondMax: number) =>
  new RateLimiter({ perSecondMax, clock, exchange: totals.of(pod) });

/**
 * Spreads the requests evenly over a second, and lets the pods exchange their rates. @returns how many were accepted
 */
async function second(user: string, requests: readonly [RateLimiter, number][]): Promise<number> {
  let accepted = 0;
  for (let tenth = 0; tenth < 10; tenth++) {
    for (const [pod, count] of requests) for (let i = 0; i < count / 10; i++) if (pod.take(user)) accepted += 1;
    clock.advance(100);
  }
  for (const timer of clock.timers.splice(0)) timer();
  await new Promise((resolve) => setImmediate(resolve));
  return accepted;
}

describe('A rate limiter', () => {
  it('accepts one second’s worth of requests, and more as time passes', () => {
    const pod = limiter('a', 2);
    expect([pod.take('ada'), pod.take('ada'), pod.take('ada'), pod.take('bob')]).toEqual([true, true, false, true]);
    clock.advance(500);
    expect([pod.take('ada'), pod.take('ada')]).toEqual([true, false]);
  });

  it('applies the limit to all pods together, however unevenly the requests are spread', async () => {
    const [a, b, c] = [limiter('a', 100), limiter('b', 100), limiter('c', 100)];
    for (const spread of [
      [100, 100, 100],
      [250, 40, 10],
    ] as const) {
      const requests: [RateLimiter, number][] = [
        [a, spread[0]],
        [b, spread[1]],
        [c, spread[2]],
      ];
      for (let i = 0; i < 3; i++) await second('ada', requests);
      const accepted = [await second('ada', requests), await second('ada', requests), await second('ada', requests)];
      expect(Math.max(...accepted)).toBeLessThanOrEqual(105);
      expect(Math.min(...accepted)).toBeGreaterThanOrEqual(95);
    }
  });

  it('does not limit a user below the limit, whichever pods the requests reach', async () => {
    const [a, b] = [limiter('a', 100), limiter('b', 100)];
    for (let i = 0; i < 3; i++)
      expect(
        await second('ada', [
          [a, 60],
          [b, 30],
        ]),
      ).toBe(90);
    expect(await second('ada', [[b, 90]])).toBe(90);
  });

  it('lets each pod apply the whole limit while rates cannot be exchanged', async () => {
    const [a, b] = [limiter('a', 100), limiter('b', 100)];
    const both: [RateLimiter, number][] = [
      [a, 100],
      [b, 100],
    ];
    for (let i = 0; i < 3; i++) await second('ada', both);
    totals.isAway = true;
    await second('ada', both);
    await second('ada', both);
    expect(await second('ada', both)).toBeGreaterThanOrEqual(195);
  });

  it('reports the true rate when an exchange takes a long time', async () => {
    const reported: (number | undefined)[] = [];
    let finish = () => {};
    const exchange: DemandExchange = {
      exchange(demand) {
        reported.push(demand.get('ada'));
        return new Promise((resolve) => {
          finish = () => resolve(demand);
        });
      },
    };
    const pod = new RateLimiter({ perSecondMax: 100, clock, exchange });
    for (let i = 0; i < 3; i++) {
      await second('ada', [[pod, 60]]);
      await second('ada', [[pod, 60]]); // Redis is slow: the exchange takes a second
      finish();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(reported).toEqual([60, 60, 60]);
  });

  it("lets a user through now and then, however small that user's share is", async () => {
    const [a, b] = [limiter('a', 1), limiter('b', 1)];
    const both: [RateLimiter, number][] = [
      [a, 10],
      [b, 10],
    ];
    await second('ada', both);
    let accepted = 0;
    for (let i = 0; i < 10; i++) accepted += await second('ada', both);
    expect(accepted).toBeGreaterThanOrEqual(9);
    expect(accepted).toBeLessThanOrEqual(12);
  });

  it('has no timer without requests, and forgets the users that have not been seen for the longest time', async () => {
    const pod = limiter('a', 1);
    expect(clock.timers).toHaveLength(0);
    pod.take('first');
    expect(pod.take('first')).toBe(false);
    for (let i = 0; i < 10_000; i++) pod.take(`user-${i}`);
    expect(pod.take('first')).toBe(true);
    expect(clock.timers).toHaveLength(1);
    for (const timer of clock.timers.splice(0)) timer();
    await new Promise((resolve) => setImmediate(resolve));
    expect(clock.timers).toHaveLength(0);
  });
});
