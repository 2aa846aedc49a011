import { describe, expect, it } from 'vitest';
import { systemClock } from './clock.ts';

/** Longer than any test may take: anything that ends sooner did not wait for it. */
const FOREVER_MS = 1_000_000;

describe('systemClock', () => {
  it('returns the wall-clock time and a monotonic time', () => {
    const before = Date.now();
    expect(systemClock.now()).toBeGreaterThanOrEqual(before);
    expect(systemClock.now()).toBeLessThanOrEqual(Date.now());
    const earlier = systemClock.monotonic();
    expect(systemClock.monotonic()).toBeGreaterThanOrEqual(earlier);
  });

  it('sleeps at least the given time', async () => {
    const before = systemClock.monotonic();
    await systemClock.sleep(30);
    // Node.js timers may fire a millisecond early.
    expect(systemClock.monotonic() - before).toBeGreaterThanOrEqual(29);
  });

  it('wakes immediately when the signal aborts, and does not sleep when it has already aborted', async () => {
    const stop = new AbortController();
    const asleep = systemClock.sleep(FOREVER_MS, stop.signal);
    stop.abort();
    await expect(asleep).resolves.toBeUndefined();
    await expect(systemClock.sleep(FOREVER_MS, stop.signal)).resolves.toBeUndefined();
  });

  it('leaves no listener on the signal after sleeping', async () => {
    const stop = new AbortController();
    let listening = 0;
    const { addEventListener, removeEventListener } = stop.signal;
    stop.signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
      listening += 1;
      addEventListener.apply(stop.signal, args);
    };
    stop.signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
      listening -= 1;
      removeEventListener.apply(stop.signal, args);
    };
    await systemClock.sleep(1, stop.signal);
    expect(listening).toBe(0);
  });

  it('runs an action once after the given time, unless it was canceled', async () => {
    const ran: string[] = [];
    const cancel = systemClock.after(1, () => ran.push('cancelled'));
    cancel();
    await new Promise<void>((resolve) => {
      systemClock.after(20, () => {
        ran.push('kept');
        resolve();
      });
    });
    expect(ran).toEqual(['kept']);
  });

  it('runs an end-of-turn action after everything that was ready in that turn', async () => {
    const order: string[] = [];
    await new Promise<void>((resolve) => {
      systemClock.endOfTurn(() => {
        order.push('end of turn');
        resolve();
      });
      process.nextTick(() => order.push('tick'));
      queueMicrotask(() => order.push('microtask'));
      order.push('now');
    });
    expect(order.slice(0, 1)).toEqual(['now']);
    expect(order.at(-1)).toBe('end of turn');
    expect(order).toHaveLength(4);
  });

  it('returns different random numbers from 0 to 1', () => {
    const drawn = Array.from({ length: 100 }, () => systemClock.random());
    expect(drawn.every((number) => number >= 0 && number < 1)).toBe(true);
    expect(new Set(drawn).size).toBeGreaterThan(90);
  });
});
