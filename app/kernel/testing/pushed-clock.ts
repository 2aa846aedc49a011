import { type Clock, systemClock } from '../clock.ts';

/**
 * The real time, which a test can advance; when `hurries` is set, every sleep takes almost no time and advances the
 * clock instead.
 */
export class PushedClock implements Clock {
  hurries = false;
  #pushedMs = 0;
  now = () => systemClock.now() + this.#pushedMs;
  monotonic = () => systemClock.monotonic() + this.#pushedMs;
  after = systemClock.after;
  endOfTurn = systemClock.endOfTurn;
  random = systemClock.random;

  push(ms: number): void {
    this.#pushedMs += ms;
  }
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (!this.hurries) return systemClock.sleep(ms, signal);
    this.push(ms);
    return systemClock.sleep(1, signal);
  }
}
