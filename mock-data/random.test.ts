import { describe, expect, it } from 'vitest';
import { pickCumulative, Random, trait, Zipf } from './random.ts';

const DRAWS = 50_000;

describe('Random', () => {
  it('returns the same numbers for the same seed, and other numbers for another seed', () => {
    const draw = (seed: string) => {
      const random = new Random(seed);
      return Array.from({ length: 20 }, () => random.u32());
    };
    expect(draw('1')).toEqual(draw('1'));
    expect(draw('1')).not.toEqual(draw('2'));
  });

  it('is uniform', () => {
    const random = new Random('uniform');
    const buckets = new Array<number>(10).fill(0);
    for (let i = 0; i < DRAWS; i++) {
      const bucket = Math.floor(random.uniform() * 10);
      buckets[bucket] = (buckets[bucket] ?? 0) + 1;
    }
    for (const bucket of buckets) expect(bucket / DRAWS).toBeCloseTo(0.1, 2);
  });

  it('has half of a log-normal distribution below its median, and two thirds within one sigma', () => {
    const random = new Random('amounts');
    let below = 0;
    let within = 0;
    for (let i = 0; i < DRAWS; i++) {
      const value = random.logNormal(30, 0.7);
      if (value < 30) below++;
      if (Math.abs(Math.log(value / 30)) < 0.7) within++;
    }
    expect(below / DRAWS).toBeCloseTo(0.5, 1);
    expect(within / DRAWS).toBeCloseTo(0.683, 2);
  });

  it('returns the same trait for the same owner', () => {
    expect(trait(7, 3, 1)).toBe(trait(7, 3, 1));
    const values = new Set(Array.from({ length: 1000 }, (_, index) => trait(7, index, 1)));
    expect(values.size).toBe(1000);
  });
});

describe('Zipf', () => {
  it('picks rank r in proportion to 1 / (r + 1)^s', () => {
    const zipf = new Zipf(100, 1.05);
    const random = new Random('zipf');
    const counts = new Array<number>(100).fill(0);
    for (let i = 0; i < DRAWS; i++) {
      const rank = zipf.at(random.uniform());
      counts[rank] = (counts[rank] ?? 0) + 1;
    }
    const total = counts.reduce((sum, _, rank) => sum + (rank + 1) ** -1.05, 0);
    for (const rank of [0, 1, 2, 5, 10]) {
      expect((counts[rank] ?? 0) / DRAWS).toBeCloseTo((rank + 1) ** -1.05 / total, 2);
    }
  });

  it('stays within its ranks at both ends', () => {
    const zipf = new Zipf(5, 1);
    expect(zipf.at(0)).toBe(0);
    expect(zipf.at(1 - Number.EPSILON)).toBe(4);
  });

  it('never picks an item with a weight of zero', () => {
    expect(pickCumulative(Float64Array.of(0, 0, 2, 2, 3), 0)).toBe(2);
    expect(pickCumulative(Float64Array.of(0, 0, 2, 2, 3), 0.9)).toBe(4);
  });
});
