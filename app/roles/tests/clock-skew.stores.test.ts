import { afterAll, beforeAll, expect, it } from 'vitest';
import { newUuidV7, uuidV7Time } from '../../domain/ids.ts';
import { type Clock, systemClock } from '../../kernel/clock.ts';
import { until } from '../../kernel/testing/until.ts';
import { type Role, RolesUnderTest } from '../testing/roles-under-test.ts';

const HOUR_MS = 3_600_000;
const SOON = { REDIS_LOST_AFTER_MS: '300', REDIS_STEADY_AFTER_MS: '200' };
const AHEAD: Clock = { ...systemClock, now: () => Date.now() + HOUR_MS };

let roles: RolesUnderTest;
let right: Role;
let ahead: Role;
beforeAll(async () => {
  roles = await RolesUnderTest.start();
  await roles.keeper(SOON, AHEAD);
  [right, ahead] = await Promise.all([roles.api(), roles.api({}, AHEAD)]);
  for (const api of [right, ahead]) {
    await api.ready();
    await api.worksIn('CACHE');
  }
  await roles.openAccounts(right);
});
afterAll(() => roles.stop());

type Posting = { version: number; acceptedAt: string };
const postings = async (query: string) =>
  (await right.request('GET', `/v1/accounts/ada/postings?${query}`)).json['items'] as Posting[];

/** Sends transfers to both pods in turn. */
async function transfer(count: number, more: object = {}): Promise<string[]> {
  const ids: string[] = [];
  for (let n = 0; n < count; n++) {
    const api = n % 2 === 0 ? right : ahead;
    const accounts = { sourceAccount: 'world', destinationAccount: 'ada', amount: '1.00', currency: 'EUR' };
    const answer = await api.request('POST', '/v1/transfers', { ...accounts, ...more });
    expect(answer.status).toBe(201);
    ids.push(String(answer.json['transactionId']));
  }
  return ids;
}

it('with one pod and the keeper an hour ahead, ids and history follow the clocks of the stores, through a restart of Redis', async () => {
  const began = Date.now();
  const ids = await transfer(20, { durability: 'persisted' });
  const middle = new Date();
  for (const time of ids.map(uuidV7Time)) expect(Math.abs((time ?? 0) - began)).toBeLessThan(HOUR_MS / 2);
  // An id from the future is also rejected by the pod that is ahead, and changes nothing.
  const early = await ahead.transfer(newUuidV7(Date.now() + HOUR_MS / 2));
  expect(early).toMatchObject({ status: 400, json: { code: 'validation_failed' } });

  await roles.redis.kill();
  await roles.redis.startAgain();
  for (const api of [right, ahead]) await api.worksIn('CACHE');
  const { epoch, format, replid } = await right.context.authority.read();
  const keeper = { fenceEpoch: epoch, epoch, format, replid: replid ?? '' };
  const { head } = await right.context.scripts.journal(keeper, Number.MAX_SAFE_INTEGER - 1, 1);
  expect(head.lookupHorizon).toBeLessThanOrEqual(head.time + 60_000);
  expect(Math.abs(head.time - Date.now())).toBeLessThan(HOUR_MS / 2);
  await transfer(20, { durability: 'persisted' });

  const all = await postings('limit=1000');
  expect(all).toHaveLength(40);
  const times = all.map(({ acceptedAt }) => Date.parse(acceptedAt));
  expect(times).toEqual(times.toSorted((a, b) => a - b));
  const at = await right.request('GET', `/v1/accounts/ada/postings?at=${middle.toISOString()}`);
  expect(at.json).toMatchObject({ version: 20 });
  expect(await postings(`from=${middle.toISOString()}&limit=1000`)).toHaveLength(20);
  expect(await postings(`to=${middle.toISOString()}&limit=1000`)).toHaveLength(20);
  // A current balance has the current time, even if the pod that is ahead reads it.
  const balance = await ahead.request('GET', '/v1/accounts/ada/balance');
  expect(Math.abs(Date.parse(String(balance.json['asOf'])) - Date.now())).toBeLessThan(HOUR_MS / 2);
});

it('a process whose clock deviates reports it in its metric, status and log; no other process does', async () => {
  await until('it has logged a warning', () =>
    ahead.context.messages('warn').includes("the clock of this process deviates from the ledger's"),
  );
  const offset = async (role: Role) => {
    const { clock } = (await role.request('GET', '/v1/ops/status')).json as { clock: { offsetSeconds: number } };
    return clock.offsetSeconds;
  };
  expect(await offset(ahead)).toBeGreaterThan(3_000);
  expect(await offset(right)).toBeLessThan(600);
  expect(await ahead.context.process.metrics.text()).toMatch(/^holdfast_clock_offset_seconds 3\d{3}/m);
  expect(right.context.messages('warn')).not.toContain("the clock of this process deviates from the ledger's");
});
