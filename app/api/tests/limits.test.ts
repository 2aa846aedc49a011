import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Problem } from '../../domain/problem.ts';
import { NO_LIMITS, NO_USAGE } from '../../domain/testing/limits.ts';
import { ApiUnderTest } from '../testing/api-under-test.ts';

let api: ApiUnderTest;
beforeEach(async () => {
  api = await ApiUnderTest.start();
});
afterEach(() => api.stop());

const DAY = { start: Date.parse('2026-01-31T00:00:00Z'), end: Date.parse('2026-02-01T00:00:00Z') };
const WINDOWS = { day: DAY, month: { start: Date.parse('2026-01-01T00:00:00Z'), end: DAY.end } };
const limits = {
  ...NO_LIMITS,
  transferMax: 5_000,
  dailyDebitMax: 10_000,
  balanceMax: 0,
  usage: {
    ...NO_USAGE,
    countedSince: DAY.start,
    dayStart: DAY.start,
    dayDebit: 7_999,
    monthStart: WINDOWS.month.start,
  },
};

describe('Limits of an account', () => {
  it('are part of what it is opened with', async () => {
    const body = { accountId: 'a', currency: 'EUR', limits: { dailyDebitMax: '100', transferMax: null } };
    const answer = { transferMax: null, dailyDebitMax: '100.00', monthlyDebitMax: null, dailyCreditMax: null };
    expect(await api.post('/v1/accounts', body)).toMatchObject({ status: 201, json: { limits: answer } });
    expect(await api.post('/v1/accounts', body)).toMatchObject({ status: 200 });
    expect(await api.get('/v1/accounts/a')).toMatchObject({ status: 200, json: { limits: answer } });
    const none = { accountId: 'b', currency: 'EUR', limits: {} };
    expect(await api.post('/v1/accounts', none)).toMatchObject({ status: 201, json: { limits: null } });
  });
  it('are replaced as a whole, and removed by an empty object', async () => {
    api.ledger.open('a', { limits });
    const changed = await api.patch('/v1/accounts/a', { limits: { balanceMax: '3' } });
    expect(changed).toMatchObject({ status: 200, json: { limits: { balanceMax: '3.00', dailyDebitMax: null } } });
    expect(await api.patch('/v1/accounts/a', { status: 'FROZEN' })).toMatchObject({
      json: { limits: { balanceMax: '3.00' } },
    });
    expect(await api.patch('/v1/accounts/a', { limits: {} })).toMatchObject({ status: 200, json: { limits: null } });
  });
  it('are amounts in the currency of the account', async () => {
    api.ledger.open('a', { currency: 'JPY' });
    const bad = await api.patch('/v1/accounts/a', { limits: { transferMax: '1.5', dailyCreditMax: '-1' } });
    expect(bad).toMatchObject({
      status: 400,
      json: { errors: [{ pointer: '/limits/transferMax' }, { pointer: '/limits/dailyCreditMax' }] },
    });
    expect(await api.patch('/v1/accounts/a', { limits: { weeklyMax: '1' } })).toMatchObject({ status: 400 });
  });
  it('are refused in a ledger whose rule format does not support them', async () => {
    api.ledger.open('a');
    api.ledger.inactive = new Problem('feature_not_active', 'Not yet.');
    const refused = { status: 503, json: { code: 'feature_not_active' } };
    const account = { accountId: 'b', currency: 'EUR', limits: { transferMax: '1' } };
    expect(await api.post('/v1/accounts', account)).toMatchObject(refused);
    expect(await api.post('/v1/accounts/batch', { accounts: [account] })).toMatchObject({
      json: { results: [{ status: 503 }] },
    });
    expect(await api.patch('/v1/accounts/a', { limits: {} })).toMatchObject(refused);
    expect(await api.post('/v1/accounts', { ...account, limits: null })).toMatchObject({ status: 201 });
    expect(await api.patch('/v1/accounts/a', { overdraftLimit: '1' })).toMatchObject({ status: 200 });
  });
});

describe('GET /v1/accounts/{id}/limits', () => {
  it('shows how much of each limit is used, and when its window ends', async () => {
    api.ledger.open('a', { balance: 50, limits });
    api.ledger.windows = WINDOWS;
    expect((await api.get('/v1/accounts/a/limits')).json).toEqual({
      accountId: 'a',
      currency: 'EUR',
      countedSince: '2026-01-31T00:00:00.000Z',
      transferMax: { value: '50.00' },
      dailyDebitMax: {
        value: '100.00',
        used: '79.99',
        remaining: '20.01',
        percent: 79,
        windowStart: '2026-01-31T00:00:00.000Z',
        windowEnd: '2026-02-01T00:00:00.000Z',
      },
      monthlyDebitMax: null,
      dailyCreditMax: null,
      balanceMax: { value: '0.00', used: '0.50', remaining: '0.00', percent: 100 },
      asOf: '2026-01-31T12:00:00.000Z',
      source: 'cache',
    });
  });
  it('counts nothing from a day that has ended', async () => {
    const earlier = { ...limits, usage: { ...limits.usage, dayStart: DAY.start - 86_400_000 } };
    api.ledger.open('a', { limits: earlier });
    api.ledger.windows = WINDOWS;
    expect((await api.get('/v1/accounts/a/limits')).json).toMatchObject({
      dailyDebitMax: { used: '0.00', percent: 0 },
    });
  });
  it('shows nulls for an account without limits, and fails if the business day is unknown', async () => {
    api.ledger.open('a');
    api.ledger.open('b', { limits });
    expect(await api.get('/v1/accounts/a/limits')).toMatchObject({
      status: 200,
      json: { countedSince: null, transferMax: null },
    });
    expect(await api.get('/v1/accounts/b/limits')).toMatchObject({
      status: 503,
      json: { code: 'calendar_unavailable' },
    });
    expect(await api.get('/v1/accounts/c/limits')).toMatchObject({ status: 404 });
  });
});
