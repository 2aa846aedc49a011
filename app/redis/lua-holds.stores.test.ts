import fc from 'fast-check';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import type { Limits } from '../domain/limits.ts';
import type { Refusal } from '../domain/problem.ts';
import { assertCovering, shrinkingAtMost } from '../domain/testing/covering.ts';
import { ofTestLedger } from '../domain/testing/ledger-id.ts';
import { CacheError, isHold } from '../journal/cache-port.ts';
import { HOLD_CHANGED, RecordStatus, refusalNumber } from '../journal/codec.ts';
import { CacheModel } from '../journal/testing/cache-model.ts';
import { RedisScripts } from './redis-scripts.ts';
import { shardPrefix } from './shard-prefix.ts';
import {
  anyLaterMs,
  anyLimited,
  anyNewLimits,
  anyPlain,
  BEGIN,
  HOLD_ACCOUNTS,
  HOLD_CALENDAR,
  HOLD_IDS,
} from './testing/any-holds.ts';

const RUNS = 200;
const EPOCH = 7;
const TEST_MS_MAX = 3_600_000;
/** The combinations of item and record that all histories together must contain for the test to be meaningful. */
const MEANT: [op: string, status: number, details: (number | string)[]][] = [
  ['place', RecordStatus.POSTED, [0]],
  ['place', RecordStatus.REPLAYED, [0]],
  ['place', RecordStatus.SAME_CALL, [0]],
  ['place', RecordStatus.NEEDS_LOOKUP, [0]],
  ['place', RecordStatus.CLOCK_UNSURE, [0]],
  [
    'place',
    RecordStatus.REJECTED,
    [
      'currency_mismatch',
      'insufficient_funds',
      'account_suspended',
      'account_frozen',
      'account_closed',
      'balance_out_of_range',
      'hold_not_allowed',
      'hold_expired',
    ],
  ],
  ['change', RecordStatus.POSTED, [0]],
  ['change', RecordStatus.CLOCK_UNSURE, [0]],
  [
    'change',
    RecordStatus.REJECTED,
    [
      'insufficient_funds',
      'account_suspended',
      'account_frozen',
      'hold_not_open',
      'hold_expired',
      'hold_exceeded',
      HOLD_CHANGED,
    ],
  ],
  ['capture', RecordStatus.POSTED, [0]],
  ['capture', RecordStatus.REPLAYED, [0]],
  ['capture', RecordStatus.MISSING, [2, 4, 8]],
  ['capture', RecordStatus.CLOCK_UNSURE, [0]],
  [
    'capture',
    RecordStatus.REJECTED,
    [
      'currency_mismatch',
      'account_frozen',
      'account_closed',
      'balance_out_of_range',
      'hold_not_open',
      'hold_expired',
      'hold_exceeded',
    ],
  ],
  ['void', RecordStatus.POSTED, [0]],
  ['void', RecordStatus.UNCHANGED, [0]],
  ['void', RecordStatus.REJECTED, ['hold_not_open']],
  ['expire', RecordStatus.POSTED, [0]],
  ['expire', RecordStatus.UNCHANGED, [0]],
  ['expire', RecordStatus.CLOCK_UNSURE, [0]],
  ['transfer', RecordStatus.POSTED, [0]],
];
/** The same combinations for histories of accounts with limits. */
const MEANT_OF_LIMITED: typeof MEANT = [
  ['place', RecordStatus.POSTED, [0]],
  ['place', RecordStatus.REJECTED, ['limit_exceeded']],
  ['place', RecordStatus.NO_CALENDAR, [0]],
  ['change', RecordStatus.POSTED, [0]],
  ['change', RecordStatus.REJECTED, ['limit_exceeded']],
  ['change', RecordStatus.NO_CALENDAR, [0]],
  ['capture', RecordStatus.POSTED, [0, 2]],
  ['capture', RecordStatus.REJECTED, ['limit_exceeded']],
  ['capture', RecordStatus.NO_CALENDAR, [0]],
  ['void', RecordStatus.POSTED, [0]],
  ['expire', RecordStatus.POSTED, [0]],
  ['transfer', RecordStatus.POSTED, [0, 1, 3]],
  ['transfer', RecordStatus.REJECTED, ['limit_exceeded']],
];

const stepsOf = ({ call, storedHold, timed }: typeof anyPlain) =>
  fc.array(
    fc.oneof(
      {
        weight: 10,
        arbitrary: fc.record({
          items: call,
          callNow: fc.constantFrom(undefined, undefined, undefined, undefined, BEGIN),
        }),
      },
      { weight: timed ? 3 : 0, arbitrary: anyLaterMs.map((laterMs) => ({ laterMs })) },
      { weight: timed ? 3 : 0, arbitrary: anyNewLimits.map((newLimits) => ({ newLimits })) },
      { weight: 2, arbitrary: fc.record({ behind: fc.constantFrom(0, 0, 0, 2), holds: uniqueHolds(storedHold) }) },
      { weight: 1, arbitrary: fc.constantFrom(0, 100).map((keep) => ({ keep })) },
      { weight: 1, arbitrary: fc.constant('publish' as const) },
      { weight: 2, arbitrary: fc.constantFrom(0, 2).map((status) => ({ freeze: status })) },
    ),
    { minLength: 20, maxLength: 60 },
  );
function uniqueHolds(anyStoredHold: typeof anyPlain.storedHold) {
  return fc.uniqueArray(anyStoredHold, { minLength: 1, maxLength: 3, selector: ({ holdId }) => holdId });
}
type Step = ReturnType<typeof stepsOf> extends fc.Arbitrary<(infer S)[]> ? S : never;

let redis: Redis;
let replid: string;
beforeAll(async () => {
  redis = new Redis(inject('redisPort'));
  replid = /master_replid:(\w+)/.exec(await redis.info('replication'))?.[1] ?? '';
});
afterAll(() => redis.disconnect());

class History {
  readonly #pod = { epoch: EPOCH, format: 2, replid, podId: 'pod' } as const;
  readonly #keeper = { fenceEpoch: EPOCH, epoch: EPOCH, format: 2, replid } as const;
  readonly #cache: RedisScripts | CacheModel;
  #changes = 0;
  #time = BEGIN;
  constructor(cache: RedisScripts | CacheModel) {
    this.#cache = cache;
  }

  async begin(): Promise<void> {
    await this.#cache.activate({ epoch: EPOCH, format: 2 }, replid, 'marker', 0);
    await this.#cache.register(this.#pod, 'marker');
    await this.#cache.setCalendar(this.#keeper, HOLD_CALENDAR);
    await this.#cache.install(this.#pod, HOLD_ACCOUNTS, 0, 100, this.#time);
  }

  /** An error is also a result. */
  async play(step: Step): Promise<unknown> {
    try {
      return await this.#run(step);
    } catch (error) {
      if (!(error instanceof CacheError)) throw error;
      return { error: error.kind };
    }
  }
  async #run(step: Step): Promise<unknown> {
    const cache = this.#cache;
    const { head } = await cache.read(this.#pod, []);
    if (step === 'publish') return cache.publish(this.#keeper, head.seq, 0);
    if ('items' in step) return cache.apply(this.#pod, step.items, step.callNow);
    if ('laterMs' in step) {
      this.#time += step.laterMs;
      // The call only advances the ledger's time: an account that Redis has is left unchanged.
      return cache.install(this.#pod, HOLD_ACCOUNTS.slice(0, 1), head.seq, 100, this.#time);
    }
    if ('keep' in step) return (await cache.evictHolds(this.#keeper, step.keep)).size;
    if ('holds' in step) return cache.installHolds(this.#pod, step.holds, Math.max(0, head.seq - step.behind));
    if ('newLimits' in step) {
      // Amounts counted under the previous limits must have an earlier time than the new limits.
      this.#time += 1;
      await cache.install(this.#pod, HOLD_ACCOUNTS.slice(0, 1), head.seq, 100, this.#time);
      const { accountId, limits } = step.newLimits;
      return this.#change(accountId, { status: null, limits });
    }
    const [suspended, frozen] = step.freeze === 0 ? [0, 0] : [1, 2];
    return [await this.#change('suspended', { status: suspended }), await this.#change('frozen', { status: frozen })];
  }

  #change(accountId: string, change: { status: number | null; limits?: Limits }) {
    this.#changes += 1;
    return this.#cache.change(this.#pod, {
      accountId,
      changeId: `018bcfe5-6800-7000-8000-${String(this.#changes).padStart(12, '0')}`,
      overdraftLimit: null,
      expectedSettingsVersion: null,
      payload: '{}',
      ...change,
    });
  }

  async state() {
    const { accounts } = await this.#cache.read(
      this.#pod,
      HOLD_ACCOUNTS.map(({ accountId }) => accountId),
    );
    const { holds } = await this.#cache.readHolds(this.#pod, HOLD_IDS);
    return { accounts, holds };
  }
  async journal() {
    return this.#cache.journal(this.#keeper, 0, 1000);
  }
}

let run = 0;
it.each([
  ['any history', anyPlain, MEANT],
  ['any history of accounts with limits, across midnights', anyLimited, MEANT_OF_LIMITED],
] as const)(
  'For %s, the scripts and the model make the same decisions on holds, and leave the same holds and accounts',
  async (_, any, meanings) => {
    const seen = new Set<string>();
    const property = fc.asyncProperty(
      stepsOf(any),
      shrinkingAtMost(async (steps) => {
        run += 1;
        const lua = new History(new RedisScripts(redis, shardPrefix(`holds-${process.pid}-${run}`), ofTestLedger));
        const model = new History(new CacheModel(replid));
        await Promise.all([lua.begin(), model.begin()]);
        for (const step of steps) {
          const [said, meant] = await Promise.all([lua.play(step), model.play(step)]);
          expect(said, JSON.stringify(step)).toEqual(meant);
          if (typeof step === 'object' && 'items' in step) {
            const { records } = said as { records: { status: number; detail: number }[] };
            for (const [index, { status, detail }] of records.entries()) {
              const item = step.items[index];
              seen.add(`${item && isHold(item) ? item.hold.op : 'transfer'} ${status} ${detail}`);
            }
          }
          expect(await lua.state()).toEqual(await model.state());
        }
        expect(await lua.journal()).toEqual(await model.journal());
      }),
    );
    const all = meanings.flatMap(([op, status, details]) =>
      details.map((one) => `${op} ${status} ${typeof one === 'number' ? one : refusalNumber(one as Refusal)}`),
    );
    await assertCovering(property, { numRuns: RUNS }, () => all.filter((one) => !seen.has(one)));
  },
  TEST_MS_MAX,
);
