import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Role, RolesUnderTest } from './testing/stack.ts';
import { until } from './testing/until.ts';

let roles: RolesUnderTest;
let apis: Role[];
beforeAll(async () => {
  roles = await RolesUnderTest.start();
  await Promise.all([roles.keeper(), roles.keeper()]);
  apis = await Promise.all([roles.api(), roles.api()]);
  for (const api of apis) await api.ready();
});
afterAll(() => roles.stop());

it('Redis killed and restarted under two pods and two keepers: what was answered 201 is in MySQL, once', async () => {
  const [first] = apis;
  if (!first) throw new Error('there are two');
  await roles.openAccounts(first);
  const acknowledged: string[] = [];
  let writing = true;
  const writers = apis.flatMap((api, pod) =>
    Array.from({ length: 4 }, async (_, writer) => {
      for (let n = 0; writing; n++) {
        const id = `w-${pod}-${writer}-${n}`;
        const { status } = await api.transfer(id, '0.01');
        // Whatever is not an outcome may be sent again, until it is one.
        if (status === 201 || status === 200) acknowledged.push(id);
        else expect([503, 504]).toContain(status);
      }
    }),
  );
  for (let kill = 0; kill < 2; kill++) {
    const before = acknowledged.length;
    await until('they write', () => acknowledged.length > before + 100);
    const { epoch } = await first.context.authority.read();
    await roles.redis.kill();
    await roles.redis.startAgain();
    await until('a new epoch serves', async () => {
      const now = await first.context.authority.read();
      return now.mode === 'CACHE' && now.epoch > epoch;
    });
  }
  const before = acknowledged.length;
  await until('they write again', () => acknowledged.length > before + 100);
  writing = false;
  await Promise.all(writers);
  for (const api of apis) await api.ready();
  const report = await until('the books can be compared', async () => {
    const answer = await first.request('POST', '/v1/ops/reconciliations');
    return answer.status === 200 ? answer.json : null;
  });
  expect(report).toMatchObject({ clean: true, sums: { EUR: '0' }, drift: [] });
  const stored = await roles.db.database.rows<{ transaction_id: string }>(
    "SELECT transaction_id FROM transfers WHERE status = 'POSTED'",
  );
  const ids = new Set(stored.map((row) => row.transaction_id));
  expect(ids.size).toBe(stored.length);
  expect(acknowledged.filter((id) => !ids.has(id))).toEqual([]);
  const balance = (await first.request('GET', '/v1/accounts/ada/balance')).json;
  expect(balance).toMatchObject({ version: stored.length });
}, 60_000);
