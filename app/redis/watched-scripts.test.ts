import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { accountOf, orderOf } from '../domain/testing/orders.ts';
import { CacheError, type CacheServer } from '../journal/cache-port.ts';
import { CacheModel } from '../journal/testing/cache-model.ts';
import { FaultyCache, failing, type Method } from '../journal/testing/faulty-cache.ts';
import { WatchedScripts } from './watched-scripts.ts';

const caller = { epoch: 1, format: 1 as const, replid: 'r', podId: 'pod' };
let seen: unknown[];
let faulty: FaultyCache;
let watched: WatchedScripts;

afterEach(() => {
  vi.useRealTimers();
});
beforeEach(async () => {
  // Every reply contains the store's time, so two calls can be compared only if they run at the same time.
  vi.useFakeTimers({ toFake: ['Date'] });
  const model = new CacheModel('r');
  await model.activate({ epoch: 1, format: 1 }, 'r', 'marker', 0);
  await model.register(caller);
  seen = [];
  faulty = new FaultyCache(model);
  watched = new WatchedScripts(faulty, {
    succeeded: () => seen.push('succeeded'),
    failed: (error) => seen.push(error),
  });
});

const change = {
  accountId: 'a',
  changeId: orderOf().transactionId,
  expectedSettingsVersion: null,
  status: 1,
  overdraftLimit: null,
  payload: '{}',
};
const scripts: Record<Method, (cache: CacheServer) => Promise<unknown>> = {
  register: (cache) => cache.register(caller, 'marker'),
  apply: (cache) => cache.apply(caller, [{ order: orderOf(), payload: '[]', lookupCursor: -1 }]),
  read: (cache) => cache.read(caller, ['a']),
  install: (cache) => cache.install(caller, [accountOf('a')], 0, 10),
  find: (cache) => cache.find(caller, ['x']),
  change: (cache) => cache.change(caller, change),
  readHolds: (cache) => cache.readHolds(caller, ['h']),
  installHolds: (cache) => cache.installHolds(caller, [], 0),
};
const methods = Object.keys(scripts) as Method[];

it('passes calls that apply transfers, and no others, to the given function', async () => {
  const framed = new WatchedScripts(faulty, {
    succeeded: () => seen.push('succeeded'),
    failed: (error) => seen.push(error),
    async aroundApply(items, call) {
      seen.push(`${items.length} items`);
      const reply = await call();
      seen.push('applied');
      return reply;
    },
  });
  for (const method of methods) await scripts[method](framed);
  expect(seen).toEqual(['succeeded', '1 items', 'applied', 'succeeded', ...Array(6).fill('succeeded')]);
});

describe.each(methods)('%s, watched,', (method) => {
  const run = () => scripts[method](watched);

  it('returns the result of the script, and counts it as a success', async () => {
    expect(await run()).toEqual(await scripts[method](faulty));
    expect(seen).toEqual(['succeeded']);
  });

  it('counts a refusal and a stale snapshot as an answer: the server responded', async () => {
    faulty.next(method, failing(new CacheError('refused', 'fenced')), failing(new CacheError('stale', 'snapshot')));
    await expect(run()).rejects.toMatchObject({ kind: 'refused' });
    await expect(run()).rejects.toMatchObject({ kind: 'stale' });
    expect(seen).toEqual(['succeeded', 'succeeded']);
  });

  it.each([
    new CacheError('in_doubt', 'time'),
    new CacheError('unable', 'OOM'),
    new CacheError('not_sent', 'closed'),
    new TypeError('odd'),
  ])('counts %s as a failure, and passes it on', async (error) => {
    faulty.next(method, failing(error));
    await expect(run()).rejects.toBe(error);
    expect(seen).toEqual([error]);
  });
});
