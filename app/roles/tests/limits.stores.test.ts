import { afterAll, beforeAll, expect, it } from 'vitest';
import { until } from '../../kernel/testing/until.ts';
import { type Role, RolesUnderTest } from '../testing/roles-under-test.ts';

let roles: RolesUnderTest;
let api: Role;
let keeper: Role;
beforeAll(async () => {
  roles = await RolesUnderTest.start();
  keeper = await roles.keeper({ REDIS_LOST_AFTER_MS: '500', REDIS_LOST_BY_PODS_AFTER_MS: '250' });
  api = await roles.api();
  await api.ready();
  await api.worksIn('CACHE');
  await roles.openAccounts(api);
  await api.transfer('funds', '100.00');
});
afterAll(() => roles.stop());

const pay = (transactionId: string, amount: string) =>
  api.transfer(transactionId, amount, { sourceAccount: 'ada', destinationAccount: 'world' });
const refused = (remaining: string) => ({
  status: 422,
  json: { code: 'limit_exceeded', limit: 'dailyDebitMax', value: '10.00', remaining },
});
/** Pays as a group, in which the first transfer reduces the limit for the second. */
const payTwice = (groupId: string, ...amounts: readonly [string, string]) => {
  const common = { sourceAccount: 'ada', destinationAccount: 'world', currency: 'EUR' };
  return api.request('POST', '/v1/transfers/group', {
    groupId,
    transfers: amounts.map((amount) => ({ ...common, amount })),
  });
};
const groupRefused = (remaining: string) => ({
  status: 422,
  json: { ...refused(remaining).json, code: 'group_refused', index: 1, refusal: 'limit_exceeded' },
});
const used = async () => {
  const { json } = await api.request('GET', '/v1/accounts/ada/limits');
  return (json['dailyDebitMax'] as { used: string } | null)?.used;
};

const isCounted = (percent: number) =>
  until(`the metric counts an account that has reached ${percent} %`, async () => {
    const pages = await Promise.all([api, keeper].map(({ context }) => context.process.metrics.text()));
    return pages.some((page) =>
      page.includes(`holdfast_limits_reached_total{limit="dailyDebitMax",percent="${percent}"} 1`),
    );
  });

it('A limit set by a client applies in Redis and in MySQL, counts each transfer once, and ignores earlier transfers', async () => {
  expect(await pay('before', '3.00')).toMatchObject({ status: 201 });
  const limits = { dailyDebitMax: '10.00' };
  expect(await api.request('PATCH', '/v1/accounts/ada', { limits })).toMatchObject({ status: 200, json: { limits } });
  expect(await used()).toBe('0.00');
  expect(await pay('first', '6.00')).toMatchObject({ status: 201 });
  expect(await pay('first', '6.00')).toMatchObject({ status: 200 });
  expect(await pay('beyond', '4.01')).toMatchObject(refused('4.00'));
  expect(await used()).toBe('6.00');
  expect(await payTwice('together', '1.00', '3.01')).toMatchObject(groupRefused('3.00'));
  expect(await used()).toBe('6.00');
  // A reversal does not change the usage.
  expect(await api.request('POST', '/v1/transfers/funds/reversal')).toMatchObject({ status: 422 });
  expect(await api.request('POST', '/v1/transfers/first/reversal')).toMatchObject({ status: 201 });
  expect(await used()).toBe('6.00');
  expect(await pay('second', '3.00')).toMatchObject({ status: 201 });
  // The transfers must be flushed, because an epoch recovery would write the usage without an event.
  await isCounted(80);
  await roles.redis.stop();
  await api.worksIn('DIRECT');
  expect(await used()).toBe('9.00');
  expect(await pay('beyond', '4.01')).toMatchObject(refused('4.00'));
  expect(await payTwice('together', '1.00', '3.01')).toMatchObject(groupRefused('3.00'));
  expect(await payTwice('both', '0.40', '0.61')).toMatchObject(groupRefused('0.60'));
  expect(await payTwice('both', '0.40', '0.61')).toMatchObject(groupRefused('0.60'));
  expect(await pay('second', '3.00')).toMatchObject({ status: 200 });
  expect(await pay('third', '1.01')).toMatchObject(refused('1.00'));
  expect(await pay('last', '1.00')).toMatchObject({ status: 201 });
  expect(await pay('none', '0.01')).toMatchObject(refused('0.00'));
  await isCounted(95);
});
