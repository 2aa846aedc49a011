import { expect, it } from 'vitest';
import { costsOf, need, needShards } from './model.ts';

const part = (calls: number, api: number, redis: number, mysql: number, keeper: number) => ({
  figures: {
    'transfers in a script call': calls,
    'cpu api, µs': api,
    'cpu redis, µs': redis,
    'cpu mysql, µs': mysql,
    'cpu keeper, µs': keeper,
  },
});
/** Redis: 9 µs per transfer and 100 µs per call. */
const found = { single: part(30, 48, 12, 32, 10), steady: part(5, 80, 29, 35, 12), batch100: part(250, 9, 9.4, 16, 5) };

it('splits the cost of Redis into a cost per call and a cost per transfer', () => {
  expect(costsOf(found)).toMatchObject({ redisPerTransfer: 9, redisPerCall: 100, api: 48 });
});

it('reports which loads fit, which leave no reserve, and which are too much', () => {
  const costs = costsOf(found);
  expect(need(10_000, costs)).toMatchObject({
    'API pods': 3,
    'cores per pod': 0.16,
    'transfers per call': 2,
    'Redis, cores (of 1)': '0.59',
    'MySQL flush, cores (of 1)': '0.32',
    'MySQL connections, rolling': 140,
  });
  expect(need(50_000, costs)).toMatchObject({ 'API pods': 4, 'MySQL flush, cores (of 1)': '0.8 no reserve' });
  expect(need(150_000, costs)).toMatchObject({
    'Redis, cores (of 1)': '1.35 TOO MUCH',
    'MySQL flush, cores (of 1)': '2.4 TOO MUCH',
  });
});

it('adds shards until neither the flush nor Redis of any of them uses more than its share', () => {
  const costs = costsOf(found);
  const ratios = { api: 2, redis: 2, mysql: 2.5 };
  // The flush takes 16 µs per transfer, and may use 600,000 µs per second.
  expect(needShards(30_000, 0.5, costs, ratios)).toMatchObject({ shards: 1, share: 0, mysql: 0.48 });
  expect(needShards(100_000, 0, costs, ratios)).toMatchObject({ shards: 3, mysql: 0.53, pods: 8 });
  expect(needShards(100_000, 0.5, costs, ratios)).toMatchObject({ shards: 5, mysql: 0.56, redis: 0.3, pods: 12 });
  expect(needShards(100_000, 'uniform', costs, ratios)).toMatchObject({ shards: 6, mysql: 0.6 });
});

it('fails if the result lacks a part that the model needs', () => {
  expect(() => costsOf({ single: found.single })).toThrow('in steady');
});
