import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { firstVerdict, REFUSAL_ORDER } from '../domain/crossing.ts';
import type { Refusal } from '../domain/problem.ts';
import { ofTestLedger } from '../domain/testing/ledger-id.ts';
import { legOf } from '../domain/testing/legs.ts';
import { NO_LIMITS, NO_USAGE } from '../domain/testing/limits.ts';
import { accountOf } from '../domain/testing/orders.ts';
import type { Account } from '../domain/types.ts';
import { refusalName } from '../journal/codec.ts';
import { EpochUnderTest } from '../journal/testing/epoch-under-test.ts';
import { RedisScripts } from './redis-scripts.ts';
import { shardPrefix } from './shard-prefix.ts';

const MAX = Number.MAX_SAFE_INTEGER;
const TODAY = Date.now() - 3_600_000;
const LIMIT = { limit: 'balanceMax', value: 9, remaining: 4 } as const;
/** Sources that refuse a transfer of 1.00 EUR, each for a different reason. */
const SOURCES: Readonly<Record<Refusal & (typeof REFUSAL_ORDER)[number], Partial<Account>>> = {
  currency_mismatch: { currency: 'JPY' },
  account_closed: { status: 'CLOSED' },
  account_frozen: { status: 'FROZEN' },
  account_suspended: { status: 'SUSPENDED' },
  insufficient_funds: { balance: 99 },
  balance_out_of_range: { external: true, balance: 99 - Number.MAX_SAFE_INTEGER },
  limit_exceeded: { balance: 500, limits: { ...NO_LIMITS, transferMax: 50, usage: NO_USAGE } },
};

let redis: Redis;
let epoch: EpochUnderTest<RedisScripts>;
beforeAll(async () => {
  redis = new Redis(inject('redisPort'));
  const replid = /master_replid:(\w+)/.exec(await redis.info('replication'))?.[1] ?? '';
  epoch = new EpochUnderTest(new RedisScripts(redis, shardPrefix(`legs-${process.pid}`), ofTestLedger), 1, replid);
  await epoch.begin([
    accountOf('~transit:EUR:0', { external: true }),
    ...REFUSAL_ORDER.map((refusal) => accountOf(refusal, SOURCES[refusal])),
  ]);
  const days = [TODAY, TODAY + 86_400_000].map((dayStart) => ({ dayStart, monthStart: TODAY }));
  await epoch.cache.setCalendar(epoch.keeper, { days, validUntil: TODAY + 86_400_000 });
});
afterAll(() => redis.disconnect());

it.each(REFUSAL_ORDER)(
  'An `out` leg whose source refuses it with %s gets whichever refusal the rules check first',
  async (own) => {
    for (const carried of REFUSAL_ORDER) {
      const refusal = { refusal: carried, ...(carried === 'limit_exceeded' && { limit: LIMIT }) };
      const { records } = await epoch.apply(legOf('out', { source: own }, { leg: { refusal } }));
      const expected = firstVerdict({ refusal: own }, refusal)?.refusal;
      expect(refusalName(records[0]?.detail ?? 0), `${own} and ${carried}`).toBe(expected);
    }
  },
);

const USED = {
  ...NO_USAGE,
  dayStart: TODAY,
  monthStart: TODAY - 86_400_000,
  dayDebit: 70,
  dayCredit: 9,
  monthDebit: 170,
};
it.each([
  ['in the day and the month of `out`', {}, TODAY + 1, { dayDebit: 0, monthDebit: 70 }],
  ['in the month, if the day has ended', {}, TODAY - 1, { dayDebit: 70, monthDebit: 70 }],
  ['nothing, if the month has ended', {}, TODAY - 86_400_001, { dayDebit: 70, monthDebit: 170 }],
  ['nothing, if the limits are newer', { countedSince: TODAY + 2 }, TODAY + 1, { dayDebit: 70, monthDebit: 170 }],
  [
    'in the month only, if the usage of the day is at the limit of the exact range',
    { dayDebit: MAX },
    TODAY + 1,
    { dayDebit: MAX, monthDebit: 70 },
  ],
] as const)('A `back` leg gives back usage: %s', async (name, different, at, expected) => {
  const accountId = `limited: ${name}`;
  const limits = { ...NO_LIMITS, dailyDebitMax: 500, balanceMax: 0, usage: { ...USED, ...different } };
  await epoch.cache.install(epoch.pod, [accountOf(accountId, { status: 'FROZEN', limits })], 0, 1000);
  await epoch.apply(legOf('back', { source: accountId }, { leg: { counted: { at } } }));
  const { accounts } = await epoch.cache.read(epoch.pod, [accountId]);
  expect(accounts[0]).toMatchObject({ balance: 100, limits: { usage: { ...expected, dayCredit: 9 } } });
});
