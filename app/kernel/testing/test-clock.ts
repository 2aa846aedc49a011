import { type Clock, systemClock } from '../clock.ts';

/** A clock that a test controls: sleeping takes no time but advances the clock, and is recorded. */
export class TestClock implements Clock {
  wallMs = Date.UTC(2026, 0, 31, 12);
  monotonicMs = 1000;
  jitter = 0.5;
  readonly slept: number[] = [];
  /** Runs in every sleep, before it ends. */
  onSleep: () => void | Promise<void> = () => {};

  now = () => this.wallMs;
  monotonic = () => this.monotonicMs;
  random = () => this.jitter;
  after = systemClock.after;
  endOfTurn = systemClock.endOfTurn;

  async sleep(ms: number): Promise<void> {
    this.slept.push(ms);
    this.advance(ms);
    await new Promise((resolve) => setImmediate(resolve));
    await this.onSleep();
  }

  advance(ms: number): void {
    this.wallMs += ms;
    this.monotonicMs += ms;
  }
}
