import { execFileSync } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type BreakerState, Detector } from './breaker.ts';

const SETTINGS = { errorThresholdPercent: 50, resetTimeoutMs: 1000, rollingWindowMs: 10_000, volumeThreshold: 5 };

describe('Detector', () => {
  let moves: BreakerState[];
  let detector: Detector;

  beforeEach(() => {
    vi.useFakeTimers();
    moves = [];
    detector = new Detector('redis', SETTINGS, (name, state) => {
      expect(name).toBe('redis');
      moves.push(state);
    });
  });
  afterEach(() => {
    detector[Symbol.dispose]();
    vi.useRealTimers();
  });

  const fail = (times: number) => {
    for (let i = 0; i < times; i++) detector.failed();
  };

  it('reports its state from the start', () => {
    expect(moves).toEqual(['closed']);
    expect(detector.state).toBe('closed');
  });

  it('does not open after too few calls, even if all of them failed', () => {
    fail(4);
    expect(detector.state).toBe('closed');
  });

  it('opens in the same event-loop turn as the failure that crosses the threshold', () => {
    fail(5);
    expect(detector.state).toBe('open');
    expect(moves).toEqual(['closed', 'open']);
  });

  it('stays closed while the failures do not exceed the threshold', async () => {
    for (let i = 0; i < 5; i++) detector.succeeded();
    await vi.advanceTimersByTimeAsync(0);
    fail(5);
    expect(detector.state).toBe('closed');
    fail(1);
    expect(detector.state).toBe('open');
  });

  it('ignores results older than the window', async () => {
    fail(4);
    await vi.advanceTimersByTimeAsync(11_000);
    fail(4);
    expect(detector.state).toBe('closed');
  });

  it('counts nothing while open, then closes after one successful call', async () => {
    fail(5);
    detector.succeeded();
    await vi.advanceTimersByTimeAsync(999);
    expect(detector.state).toBe('open');
    await vi.advanceTimersByTimeAsync(1);
    expect(detector.state).toBe('half-open');
    detector.succeeded();
    await vi.advanceTimersByTimeAsync(0);
    expect(detector.state).toBe('closed');
    expect(moves).toEqual(['closed', 'open', 'half-open', 'closed']);
  });

  it('opens again after one failed call when half-open', async () => {
    fail(5);
    await vi.advanceTimersByTimeAsync(1000);
    fail(1);
    expect(detector.state).toBe('open');
    await vi.advanceTimersByTimeAsync(1000);
    expect(detector.state).toBe('half-open');
  });

  it('runs every probe in any state, and passes on its result', async () => {
    const boom = new Error('connect ECONNREFUSED');
    for (let i = 0; i < 6; i++) await expect(detector.watch(() => Promise.reject(boom))).rejects.toBe(boom);
    expect(detector.state).toBe('open');
    await expect(detector.watch(async () => 'PONG')).resolves.toBe('PONG');
    await vi.advanceTimersByTimeAsync(1000);
    await detector.watch(async () => 'PONG');
    await vi.advanceTimersByTimeAsync(0);
    expect(detector.state).toBe('closed');
  });

  it('never aborts a slow probe', async () => {
    const slow = detector.watch(() => new Promise((resolve) => setTimeout(resolve, 3_600_000, 'late')));
    await vi.advanceTimersByTimeAsync(3_600_000);
    await expect(slow).resolves.toBe('late');
    expect(detector.state).toBe('closed');
  });

  it('also counts a rejection without an error as a failure', () => {
    for (let i = 0; i < 5; i++) detector.failed(null);
    expect(detector.state).toBe('open');
  });

  it('reports nothing after it has been disposed of', () => {
    detector[Symbol.dispose]();
    fail(10);
    expect(moves).toEqual(['closed']);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('does not keep the process alive', () => {
    const script = `
      import { Detector } from './app/telemetry/breaker.ts';
      const detector = new Detector('redis', ${JSON.stringify({ ...SETTINGS, resetTimeoutMs: 600_000 })}, () => {});
      for (let i = 0; i < 10; i++) detector.failed();
      process.stdout.write(detector.state);`;
    const args = ['--import', 'tsx', '--input-type=module', '-e', script];
    expect(execFileSync(process.execPath, args, { encoding: 'utf8', timeout: 120_000 })).toBe('open');
  });
});
