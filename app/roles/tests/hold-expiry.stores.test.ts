import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { newUuidV7 } from '../../domain/ids.ts';
import { systemClock } from '../../kernel/clock.ts';
import { until } from '../../kernel/testing/until.ts';
import { API_KEY, type Role, RolesUnderTest } from '../testing/roles-under-test.ts';

/** The first lifetime of a hold. If a request takes longer, it is refused, and is repeated with twice the lifetime. */
const LIFE_MS = 1_000;
const HOUR_MS = 3_600_000;

let roles: RolesUnderTest;
beforeAll(async () => {
  roles = await RolesUnderTest.start();
});
afterAll(() => roles.stop());
afterEach(() => roles.stopRoles());

async function gauge(role: Role, name: string): Promise<number> {
  const line = (await role.context.process.metrics.text())
    .split('\n')
    .find((one) => one.startsWith(`holdfast_${name} `));
  return Number(line?.split(' ')[1]);
}
const place = (pod: Role, holdId: string, expiresAt?: string) =>
  pod.request('POST', '/v1/holds', { holdId, account: 'ada', amount: '10.00', currency: 'EUR', expiresAt });
const after = (ms: number) => new Date(systemClock.now() + ms).toISOString();
/** Repeats a request until it succeeds, each time with a longer lifetime of the hold: slow machines need more time. */
async function withShortLife(request: (expiresAt: string, tries: number) => ReturnType<typeof place>): Promise<number> {
  for (let tries = 0; ; tries++) {
    const { status, json } = await request(after(LIFE_MS * 2 ** tries), tries);
    if (status < 300) return tries;
    expect(json['code']).toBe('hold_expired');
  }
}
const statusOf = async (pod: Role, holdId: string) => (await pod.request('GET', `/v1/holds/${holdId}`)).json['status'];

describe('A hold that is due', () => {
  it('is ended by one of the pods', async () => {
    await roles.keeper();
    const [pod, other] = [await roles.api(), await roles.api()];
    for (const each of [pod, other]) {
      await each.ready();
      await each.worksIn('CACHE');
    }
    await roles.openAccounts(pod);
    await pod.transfer(newUuidV7(systemClock.now()), '100.00');
    expect(await place(pod, 'open')).toMatchObject({ status: 201 });
    const due = `due-${await withShortLife((expiresAt, tries) => place(pod, `due-${tries}`, expiresAt))}`;
    await until('it has ended', async () => (await statusOf(other, due)) === 'EXPIRED');
    expect(await statusOf(pod, 'open')).toBe('OPEN');
    expect((await pod.request('GET', '/v1/accounts/ada/balance')).json).toMatchObject({
      balance: '100.00',
      held: '10.00',
      available: '90.00',
    });
    const last = await until('the expiry is in the history of the account', async () => {
      const { json } = await pod.request('GET', '/v1/accounts/ada/postings');
      return (json['items'] as Record<string, string>[]).find(({ kind }) => kind === 'hold_expired');
    });
    expect(last).toMatchObject({ holdId: due, user: 'holdfast', heldChange: '-10.00', heldAfter: '10.00' });
    const counted = [await gauge(pod, 'holds_expired_total'), await gauge(other, 'holds_expired_total')];
    expect(counted.sort()).toEqual([0, 1]);
  });

  it('is ended by another pod as soon as the first one stops', async () => {
    await roles.keeper();
    const pods = [await roles.api(), await roles.api()];
    for (const each of pods) await each.ready();
    const holder = async () =>
      (await roles.db.database.rows<{ holder: string }>("SELECT holder FROM job_leases WHERE job = 'hold-expiry'"))[0]
        ?.holder;
    const first = await until('a pod has the lease', async () => {
      const processId = await holder();
      return pods.find(({ context }) => context.processId === processId);
    });
    const [other] = pods.filter((pod) => pod !== first);
    if (!other) throw new Error('there is no other pod');
    expect(await place(first, 'later', after(HOUR_MS))).toMatchObject({ status: 201 });
    await first.stop();
    expect(await holder()).not.toBe(first.context.processId);
    await withShortLife((expiresAt) =>
      other.request('PATCH', '/v1/holds/later', { expiresAt }, API_KEY, { 'If-Match': '"1"' }),
    );
    await until('it has ended', async () => (await statusOf(other, 'later')) === 'EXPIRED');
    expect(await holder()).toBe(other.context.processId);
  });

  it('is counted by keepers as long as it is open', async () => {
    const keeper = await roles.keeper();
    await until('open holds are counted', async () => (await gauge(keeper, 'holds_open{currency="EUR"}')) === 1);
    expect(await gauge(keeper, 'held_minor_units{currency="EUR"}')).toBe(1000);
    expect(await gauge(keeper, 'hold_expiry_delay_seconds')).toBe(0);
    await until('holds in Redis are counted', async () => (await gauge(keeper, 'holds_cached')) > 0);
  });
});
