import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { ApiUnderTest, keyWith } from '../../../app/api/testing/api-under-test.ts';
import { Problem } from '../../../app/domain/problem.ts';
import { BatchFull } from '../../../app/ledger/ports/batch-records.ts';
import { Holdfast } from '../src/client.ts';
import { ProblemError } from '../src/errors.ts';
import { collect } from '../src/testing/collect.ts';

/** The real routes and schemas, with a ledger in memory. */
let api: ApiUnderTest;
let holdfast: Holdfast;
beforeAll(async () => {
  api = await ApiUnderTest.start();
  api.clock.time = Date.now();
  holdfast = new Holdfast({
    url: api.url,
    apiKey: keyWith('balances:read', 'accounts:write', 'transfers:write', 'ops'),
  });
  api.ledger.open('world', { external: true });
  api.ledger.open('ada', { balance: 10_000, name: 'Ada' });
  api.ledger.open('bob');
});
afterAll(() => api.stop());

const EUR = { sourceAccount: 'ada', destinationAccount: 'bob', amount: '1', currency: 'EUR' };

describe('Transfers', () => {
  it('are posted only once under the id in the request', async () => {
    const outcome = await holdfast.transfers.create(EUR);
    expect(outcome).toMatchObject({ outcome: 'posted', transfer: { amount: '1.00', replayed: false }, attempts: 1 });
    expect(await holdfast.transfers.create(outcome.request)).toMatchObject({
      outcome: 'posted',
      transfer: { replayed: true },
    });
    const { transactionId } = outcome.request;
    expect(await holdfast.transfers.get(transactionId)).toMatchObject({ status: 'POSTED', kind: 'transfer' });
    expect(await holdfast.transfers.get(transactionId, { sourceAccount: 'ada' })).toMatchObject({ status: 'POSTED' });
  });
  it('are rejected by business rules, with the reason', async () => {
    expect(await holdfast.transfers.create({ ...EUR, amount: '1000000.00' })).toMatchObject({
      outcome: 'rejected',
      code: 'insufficient_funds',
      detail: expect.stringContaining('1000000.00'),
      problem: { status: 422 },
    });
  });
  it.each([
    ['validation_failed', { amount: '1.001' }],
    ['validation_failed', { amount: '-1' }],
    ['account_not_found', { destinationAccount: 'nobody' }],
  ])('that are not valid throw %s: nothing was changed', async (code, change) => {
    await expect(holdfast.transfers.create({ ...EUR, ...change })).rejects.toMatchObject({
      name: 'ProblemError',
      code,
    });
  });
  it('cannot have other content under the same id', async () => {
    const { request } = await holdfast.transfers.create(EUR);
    await expect(holdfast.transfers.create({ ...request, amount: '2.00' })).rejects.toMatchObject({
      code: 'transaction_id_reused',
    });
  });
  it('can be dry-run without effect', async () => {
    const before = await holdfast.accounts.balance('ada');
    expect(await holdfast.transfers.preview(EUR)).toMatchObject({ dryRun: true, amount: '1.00' });
    await expect(holdfast.transfers.preview({ ...EUR, amount: '1000000.00' })).rejects.toThrow(ProblemError);
    expect((await holdfast.accounts.balance('ada')).version).toBe(before.version);
  });
  it('are reversed once', async () => {
    const { request } = await holdfast.transfers.create(EUR);
    const reversal = { transactionId: request.transactionId };
    const first = await holdfast.transfers.reverse(reversal);
    const second = await holdfast.transfers.reverse(reversal);
    expect(first).toMatchObject({ outcome: 'posted', transfer: { sourceAccount: 'bob', replayed: false } });
    expect(second).toMatchObject({ outcome: 'posted', transfer: { replayed: true } });
  });
  it('of a list are made in batches that the service accepts, and returned in order', async () => {
    const names = Array.from({ length: 2_500 }, (_, i) => `item ${i}`);
    const before = api.ledger.applied.length;
    const outcomes = await collect(
      holdfast.transfers.createMany(names.map((reference) => ({ ...EUR, amount: '0.01', reference }))),
    );
    expect(outcomes.map(({ index, request }) => [index, request.reference])).toEqual(names.map((name, i) => [i, name]));
    expect(outcomes.every(({ outcome }) => outcome === 'posted')).toBe(true);
    // This API limits bodies to 64 KiB: the client has divided the batches that were refused.
    const sizes = api.ledger.applied.slice(before).map(({ orders }) => orders.length);
    expect(Math.max(...sizes)).toBeLessThan(500);
    expect(sizes.reduce((sum, size) => sum + size)).toBe(2_500);
  });
  it('of a list each have an outcome, even those for which a single call would throw', async () => {
    const items = [EUR, { ...EUR, amount: '1.001' }, { ...EUR, amount: '1000000.00' }, { ...EUR, sourceAccount: 'no' }];
    const outcomes = await collect(holdfast.transfers.createMany(items));
    expect(outcomes).toMatchObject([
      { outcome: 'posted', transfer: { status: 'POSTED' } },
      { outcome: 'failed', error: { code: 'validation_failed' } },
      { outcome: 'rejected', code: 'insufficient_funds' },
      { outcome: 'failed', error: { code: 'account_not_found' } },
    ]);
  });
});

describe('Batches', () => {
  it('record the outcome of each item of a list, even of items that never became transfers', async () => {
    const items = [
      { ...EUR, transactionId: 'in-batch-1' },
      { ...EUR, transactionId: 'in-batch-2', sourceAccount: 'no' },
    ];
    const outcomes = await collect(holdfast.transfers.createMany(items, { batchId: 'wages' }));
    expect(outcomes).toMatchObject([
      { outcome: 'posted', recorded: true },
      { outcome: 'failed', recorded: true },
    ]);
    expect(await holdfast.batches.get('wages')).toMatchObject({ batchId: 'wages', items: 2, posted: 1, failed: 1 });
    const failed = await collect(holdfast.batches.items('wages', { status: 'FAILED', limit: 1 }));
    expect(failed).toMatchObject([{ transactionId: 'in-batch-2', code: 'account_not_found' }]);
    expect((await collect(holdfast.batches.items('wages', { limit: 1 }))).length).toBe(2);
    await expect(holdfast.batches.get('no-such-batch')).rejects.toMatchObject({ code: 'batch_not_found' });
  });
  it('that cannot be recorded do not affect outcomes', async () => {
    api.batches.failure = new BatchFull('there is no room');
    const [outcome] = await collect(holdfast.transfers.createMany([EUR], { batchId: 'wages' }));
    api.batches.failure = null;
    expect(outcome).toMatchObject({ outcome: 'posted', recorded: false });
    const [without] = await collect(holdfast.transfers.createMany([EUR]));
    expect(without).not.toHaveProperty('recorded');
  });
});

describe('Groups', () => {
  it('are posted together, or rejected together', async () => {
    const back = { ...EUR, sourceAccount: 'bob', destinationAccount: 'world', amount: '0.50' };
    const outcome = await holdfast.groups.create({ transfers: [EUR, back] });
    expect(outcome).toMatchObject({ outcome: 'posted', group: { status: 'POSTED', transfers: [{}, {}] } });
    expect(await holdfast.groups.get(outcome.request.groupId)).toMatchObject({ status: 'POSTED' });
    expect(await holdfast.groups.create({ transfers: [EUR, { ...back, amount: '1000000.00' }] })).toMatchObject({
      outcome: 'rejected',
      code: 'group_refused',
      problem: { index: 1, refusal: 'insufficient_funds' },
    });
  });
  it('can divide an amount', async () => {
    const outcome = await holdfast.groups.split({
      sourceAccount: 'ada',
      amount: '1.00',
      currency: 'EUR',
      destinations: [
        { account: 'world', amount: '0.10' },
        { account: 'bob', remaining: true },
      ],
    });
    expect(outcome).toMatchObject({
      outcome: 'posted',
      split: { destinations: [{ amount: '0.10' }, { amount: '0.90' }] },
    });
  });
});

describe('Holds', () => {
  const HOLD = { account: 'ada', destinationAccount: 'bob', amount: '10.00', currency: 'EUR' };
  it('are placed, changed, captured in parts and voided', async () => {
    const placed = await holdfast.holds.place(HOLD);
    expect(placed).toMatchObject({ outcome: 'placed', hold: { status: 'OPEN', remaining: '10.00' } });
    const { holdId } = placed.request;
    const changed = await holdfast.holds.change(holdId, { amount: '12.00' }, { revision: 1 });
    expect(changed).toMatchObject({ amount: '12.00', revision: 2 });
    await expect(holdfast.holds.change(holdId, { amount: '13.00' }, { revision: 1 })).rejects.toMatchObject({
      code: 'hold_changed',
    });
    expect(await holdfast.holds.capture(holdId, { amount: '2.00', final: false })).toMatchObject({
      outcome: 'posted',
      transfer: { amount: '2.00' },
      hold: { remaining: '10.00' },
    });
    expect(await holdfast.holds.void(holdId)).toMatchObject({ status: 'VOIDED', remaining: '0.00' });
    expect(await holdfast.holds.get(holdId)).toMatchObject({ status: 'VOIDED', captured: '2.00' });
    expect(await holdfast.holds.capture(holdId)).toMatchObject({ outcome: 'rejected', code: 'hold_not_open' });
  });
  it('are rejected by business rules', async () => {
    expect(await holdfast.holds.place({ ...HOLD, amount: '1000000.00' })).toMatchObject({
      outcome: 'rejected',
      code: 'insufficient_funds',
    });
  });
});

describe('Accounts', () => {
  it('are opened, read and changed', async () => {
    const opening = { accountId: 'eve', currency: 'EUR', name: 'Eve' };
    expect(await holdfast.accounts.open(opening)).toMatchObject({ name: 'Eve' });
    expect(await holdfast.accounts.open(opening)).toMatchObject({ name: 'Eve' });
    await expect(holdfast.accounts.open({ ...opening, currency: 'USD' })).rejects.toMatchObject({
      code: 'account_id_reused',
    });
    const { settingsVersion } = await holdfast.accounts.get('eve');
    expect(await holdfast.accounts.change('eve', { status: 'SUSPENDED' }, { settingsVersion })).toMatchObject({
      status: 'SUSPENDED',
    });
    await expect(holdfast.accounts.get('nobody')).rejects.toMatchObject({ code: 'account_not_found', status: 404 });
    expect(await holdfast.accounts.limits('eve')).toMatchObject({ accountId: 'eve' });
  });
  it('can be queried for their balances, however many they are', async () => {
    const ids = ['ada', ...Array.from({ length: 1_500 }, (_, i) => `no-${i}`), 'bob'];
    const { items, missing } = await holdfast.accounts.balances(ids);
    expect(items.map(({ accountId }) => accountId)).toEqual(['ada', 'bob']);
    expect(missing).toHaveLength(1_500);
  });
  it.each(['.', '..', ''])('named "%s" are refused: the path would be a different one', async (id) => {
    await expect(holdfast.accounts.get(id)).rejects.toThrow(RangeError);
  });
  it('with a slash in their ids do not lead to another path', async () => {
    await expect(holdfast.accounts.get('ada/balance')).rejects.toMatchObject({ code: 'validation_failed' });
  });
});

describe('Operators', () => {
  it('read the status, the unsettled ids and the audit, and reconcile', async () => {
    expect(await holdfast.ops.status()).toMatchObject({ mode: 'CACHE' });
    expect(await holdfast.ops.unsettled()).toMatchObject({ frozenAccounts: [] });
    expect(await holdfast.ops.audit()).toMatchObject({ log: { length: 7 } });
    expect(await holdfast.ops.reconcile()).toMatchObject({ differences: 0 });
  });
  it('stop the ledger, and release the stop that they have seen', async () => {
    const setStopped = vi.spyOn(api.deps.ops, 'setStopped');
    expect(await holdfast.ops.stop('wrong prices since nine')).toMatchObject({ stopped: true, number: 1 });
    const release = { reason: 'the prices are corrected', number: 1 };
    expect(await holdfast.ops.release(release)).toMatchObject({ stopped: false });
    expect(setStopped.mock.lastCall).toEqual([false, expect.objectContaining({ reason: release.reason }), 1]);
    expect(await holdfast.ops.stops()).toMatchObject({ stopped: false });
  });
});

describe('The feed', () => {
  const posted = () => api.feed.add({ type: 'holdfast.transfer.posted', accounts: ['ada', 'bob'] });
  it('can be followed from any position, filtered, and read page by page', async () => {
    posted();
    const seen: string[] = [];
    const filters = { after: 'oldest', accounts: ['ada'], types: ['holdfast.transfer.posted'] };
    for await (const { event, cursor } of holdfast.events.follow(filters)) {
      seen.push(event.id);
      if (seen.length === 1) posted();
      else {
        const page = await holdfast.events.page({ ...filters, limit: 1 });
        expect(page.items.map(({ id }) => id)).toEqual(seen.slice(0, 1));
        expect(await holdfast.events.page({ ...filters, after: cursor })).toMatchObject({ items: [], caughtUp: true });
        break;
      }
    }
    expect(seen).toHaveLength(2);
    await expect.poll(() => api.feed.listeners).toBe(0);
  });
  it('refuses an invalid position', async () => {
    const follow = async () => {
      for await (const _ of holdfast.events.follow({ after: 'nowhere' })) break;
    };
    await expect(follow()).rejects.toMatchObject({ code: 'validation_failed' });
  });
});

describe('API keys', () => {
  it('are created, listed, rotated and revoked', async () => {
    const { keys } = holdfast;
    const created = await keys.create({ user: 'shop', scopes: ['transfers:write'], name: 'The shop' });
    expect(created).toMatchObject({ user: 'shop', status: 'ACTIVE', secret: expect.any(String) });
    const rotated = await keys.rotate(created.keyId, { overlapSeconds: 60 });
    expect(rotated).toMatchObject({ replaces: created.keyId, secret: expect.any(String) });
    expect((await collect(keys.list())).map(({ keyId }) => keyId)).toEqual(
      expect.arrayContaining([created.keyId, rotated.keyId]),
    );
    expect(await keys.revoke(rotated.keyId, { reason: 'a test' })).toMatchObject({ status: 'REVOKED' });
    expect(await keys.get(rotated.keyId)).toMatchObject({ status: 'REVOKED' });
    expect((await collect(keys.log()))[0]).toMatchObject({ keyId: rotated.keyId });
  });
});

describe('A key without a scope', () => {
  it('gets the problem forbidden', async () => {
    const reader = new Holdfast({ url: api.url, apiKey: keyWith('balances:read') });
    await expect(reader.transfers.create(EUR)).rejects.toMatchObject({ code: 'forbidden' });
  });
});

describe('A ledger whose authority is moving', () => {
  it('gets the request again until the move has ended', async () => {
    api.ledger.failures.set('apply', new Problem('ledger_switching', 'later', { retryAfterSeconds: 0.001 }));
    const work = holdfast.transfers.create(EUR);
    await expect.poll(() => api.problems.includes('ledger_switching')).toBe(true);
    api.ledger.failures.delete('apply');
    expect(await work).toMatchObject({ outcome: 'posted', transfer: { replayed: false } });
  });
});
