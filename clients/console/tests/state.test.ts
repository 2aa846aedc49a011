import { describe, expect, it } from 'vitest';
import { ApiError } from '../src/api.ts';
import { waitAfter } from '../src/state.ts';

const EVERY_MS = 1_000;
const waits = (...failures: number[]) => failures.map((one) => waitAfter(new ApiError(503, {}), one, EVERY_MS));

describe('The time until the next attempt', () => {
  it('doubles with each failure, up to a limit', () => {
    expect(waits(1, 2, 3, 4, 5, 6, 1_000)).toEqual([1_000, 2_000, 4_000, 8_000, 10_000, 10_000, 10_000]);
  });
  it('is never shorter than the service asks for, nor than the interval without failures', () => {
    expect(waitAfter(new ApiError(429, {}, 60_000), 1, EVERY_MS)).toBe(60_000);
    expect(waitAfter(new ApiError(503, {}, 0), 1, 30_000)).toBe(30_000);
  });
});
