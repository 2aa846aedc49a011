import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Role, RolesUnderTest } from '../testing/roles-under-test.ts';

const REQUESTS = 8;
const ACCOUNTS = 40;

describe.each(['DIRECT', 'CACHE'] as const)('Concurrent requests to open accounts, in %s', (mode) => {
  let roles: RolesUnderTest;
  let pods: Role[];
  beforeAll(async () => {
    roles = await RolesUnderTest.start();
    pods = [await roles.api(), await roles.api()];
    // Without a keeper, MySQL keeps the authority of a new ledger.
    if (mode === 'CACHE') await roles.keeper();
    for (const pod of pods) {
      await pod.ready();
      await pod.worksIn(mode);
    }
  });
  afterAll(() => roles.stop());

  const podOf = (n: number) => pods[n % pods.length] as Role;

  it('for the same account get 201 once, 200 for the same content, and 409 for different content', async () => {
    const answers = await Promise.all(
      Array.from({ length: REQUESTS }, (_, n) =>
        podOf(n).request('POST', '/v1/accounts', { accountId: 'one', currency: n < REQUESTS / 2 ? 'EUR' : 'USD' }),
      ),
    );
    const winner = answers.findIndex(({ status }) => status === 201);
    const sameContent = (n: number) => n < REQUESTS / 2 === winner < REQUESTS / 2;
    expect(answers.map(({ status }) => status)).toEqual(
      answers.map((_, n) => (n === winner ? 201 : sameContent(n) ? 200 : 409)),
    );
  });

  it('in batches, in any order, get 201 once for each account', async () => {
    const accounts = Array.from({ length: ACCOUNTS }, (_, n) => ({ accountId: `many-${n}`, currency: 'EUR' }));
    const answers = await Promise.all(
      Array.from({ length: REQUESTS }, (_, n) =>
        podOf(n).request('POST', '/v1/accounts/batch', { accounts: n % 2 === 0 ? accounts : accounts.toReversed() }),
      ),
    );
    const results = answers.flatMap(({ json }) => json['results'] as { status: number; accountId: string }[]);
    expect(new Set(results.map(({ status }) => status))).toEqual(new Set([200, 201]));
    const created = results.filter(({ status }) => status === 201).map(({ accountId }) => accountId);
    expect(created.toSorted()).toEqual(accounts.map(({ accountId }) => accountId).toSorted());
  });
});
