import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newUuidV7, uuidV7Time } from '../../domain/ids.ts';
import { ApiUnderTest, keyWith, NOW } from '../testing/api-under-test.ts';

let api: ApiUnderTest;
beforeEach(async () => {
  api = await ApiUnderTest.start();
  api.ledger.open('a', { balance: 10_000 });
  for (const id of ['b', 'c', 'd']) api.ledger.open(id);
});
afterEach(() => api.stop());

const transfer = (sourceAccount: string, destinationAccount: string, amount: string, more: object = {}) => ({
  sourceAccount,
  destinationAccount,
  amount,
  currency: 'EUR',
  ...more,
});
const group = (transfers: object[], more: object = {}, headers: Record<string, string> = {}) =>
  api.post('/v1/transfers/group', { transfers, ...more }, { headers });
const splitOf = (destinations: object[], more: object = {}, headers: Record<string, string> = {}) =>
  api.post(
    '/v1/transfers/split',
    { sourceAccount: 'a', amount: '10.00', currency: 'EUR', destinations, ...more },
    { headers },
  );
const balance = (id: string) => api.ledger.accounts.get(id)?.balance;

describe('POST /v1/transfers/group', () => {
  it('posts all transfers in order, so that money can pass through an account', async () => {
    const { status, json } = await group([transfer('a', 'b', '60.00'), transfer('b', 'c', '59.00')], { groupId: 'g1' });
    expect(status).toBe(201);
    expect(json).toMatchObject({
      groupId: 'g1',
      status: 'POSTED',
      replayed: false,
      durability: 'cache',
      transfers: [
        { transactionId: 'g1.0', sourceBalance: '40.00', destinationBalance: '60.00' },
        { transactionId: 'g1.1', sourceBalance: '1.00', destinationBalance: '59.00' },
      ],
    });
  });

  it('makes none if one is refused, and reports which one and why', async () => {
    const transfers = [transfer('a', 'b', '60.00'), transfer('c', 'd', '1.00')];
    const refused = {
      status: 422,
      json: { code: 'group_refused', groupId: 'g1', index: 1, refusal: 'insufficient_funds' },
    };
    const reply = await group(transfers, { groupId: 'g1' });
    expect(reply).toMatchObject(refused);
    expect(reply.json).not.toHaveProperty('transactionId');
    expect([balance('a'), balance('b')]).toEqual([10_000, 0]);
    // The refusal is the outcome of the group's id, even if the transfers would now be possible; the ids of the
    // transfers are still unused.
    api.ledger.open('c', { balance: 500 });
    expect(await group(transfers, { groupId: 'g1' })).toMatchObject(refused);
    expect(await api.post('/v1/transfers', transfer('a', 'b', '1.00', { transactionId: 'g1.0' }))).toMatchObject({
      status: 201,
    });
  });

  it('returns the same group again for the same content, and 409 for different content', async () => {
    const transfers = [transfer('a', 'b', '1.00'), transfer('a', 'c', '2.00')];
    await group(transfers, { groupId: 'g1' });
    expect(await group(transfers, { groupId: 'g1' })).toMatchObject({ status: 200, json: { replayed: true } });
    expect(await group(transfers.toReversed(), { groupId: 'g1' })).toMatchObject({
      status: 409,
      json: { code: 'group_id_reused', groupId: 'g1' },
    });
    expect(balance('a')).toBe(9_700);
  });

  it('returns 409 with the index of a transfer whose id is taken or appears twice, and stores nothing', async () => {
    await api.post('/v1/transfers', transfer('a', 'b', '1.00', { transactionId: 't1' }));
    const first = transfer('a', 'b', '1.00', { transactionId: 't0' });
    const known = transfer('a', 'b', '1.00', { transactionId: 't1' });
    expect(await group([first, known], { groupId: 'g1' })).toMatchObject({
      status: 409,
      json: { code: 'transaction_id_reused', index: 1, transactionId: 't1', groupId: 'g1' },
    });
    expect(await group([first, transfer('a', 'c', '1.00')], { groupId: 'g1' })).toMatchObject({ status: 201 });
  });

  it("derives missing ids of transfers from the group's id; a UUIDv7 yields UUIDv7s with the same time", async () => {
    const groupId = newUuidV7(NOW);
    const { json } = await group([transfer('a', 'b', '1.00'), transfer('a', 'c', '2.00')], { groupId });
    const ids = (json['transfers'] as { transactionId: string }[]).map(({ transactionId }) => transactionId);
    expect(ids.map(uuidV7Time)).toEqual([NOW, NOW]);
    expect(new Set(ids).size).toBe(2);
    expect((await api.get(`/v1/transfers/${ids[1]}`)).json).toMatchObject({ amount: '2.00', groupId });
  });

  it('takes its id from the Idempotency-Key', async () => {
    const transfers = [transfer('a', 'b', '1.00'), transfer('a', 'c', '2.00')];
    const headers = { 'Idempotency-Key': 'key-1' };
    expect(await group(transfers, {}, headers)).toMatchObject({ status: 201, json: { groupId: 'key-1' } });
    expect(await group(transfers, {}, headers)).toMatchObject({ status: 200, json: { replayed: true } });
    expect(await group(transfers, { groupId: 'other' }, headers)).toMatchObject({
      status: 400,
      json: { errors: [{ pointer: '/Idempotency-Key' }] },
    });
  });

  it('names the invalid field of a transfer', async () => {
    expect(await group([transfer('a', 'b', '1.00'), transfer('a', 'a', '0')])).toMatchObject({
      status: 400,
      json: {
        errors: [{ pointer: '/transfers/1/amount' }, { pointer: '/transfers/1/destinationAccount' }],
      },
    });
    expect(await group([transfer('a', 'b', '1.00')])).toMatchObject({
      status: 400,
      json: { errors: [{ pointer: '/transfers', detail: 'must have at least 2 items' }] },
    });
    const groupId = newUuidV7(NOW + 120_000);
    expect(await group([transfer('a', 'b', '1.00'), transfer('a', 'c', '2.00')], { groupId })).toMatchObject({
      status: 400,
      json: { errors: [{ pointer: '/groupId' }] },
    });
    expect(api.ledger.appliedGroups).toEqual([]);
  });

  it('needs the scope to make transfers', async () => {
    const body = { transfers: [transfer('a', 'b', '1.00'), transfer('a', 'c', '2.00')] };
    const key = keyWith('balances:read');
    expect(await api.post('/v1/transfers/group', body, { key })).toMatchObject({ status: 403 });
  });
});

describe('POST /v1/transfers/split', () => {
  it('divides an amount to the last cent, and shows who got what', async () => {
    const { status, json } = await splitOf([
      { account: 'b', share: 1 },
      { account: 'c', share: 1 },
      { account: 'd', share: 1 },
    ]);
    expect(status).toBe(201);
    expect(json).toMatchObject({
      sourceAccount: 'a',
      amount: '10.00',
      destinations: [
        { account: 'b', amount: '3.34' },
        { account: 'c', amount: '3.33' },
        { account: 'd', amount: '3.33' },
      ],
    });
    expect(balance('a')).toBe(9_000);
  });

  it('subtracts amounts first, and gives the rest to one destination', async () => {
    const destinations = [
      { account: 'b', amount: '1.50' },
      { account: 'c', remaining: true },
    ];
    expect((await splitOf(destinations)).json['destinations']).toMatchObject([{ amount: '1.50' }, { amount: '8.50' }]);
  });

  it('shows a share that comes to zero, and makes no transfer for it', async () => {
    const destinations = [
      { account: 'b', share: 1 },
      { account: 'c', share: 1_000_000 },
    ];
    const { json } = await splitOf(destinations, { groupId: 's1' });
    expect(json['destinations']).toEqual([
      { account: 'b', amount: '0.00' },
      { account: 'c', amount: '10.00', transactionId: 's1.1' },
    ]);
    expect((await api.get('/v1/transfers/group/s1')).json).toMatchObject({
      transfers: [{ transactionId: 's1.1', amount: '10.00' }],
      destinations: [{ account: 'b', amount: '0.00' }, { account: 'c' }],
    });
    // Everything that was requested is content, including the part for which no transfer was made.
    expect(await splitOf(destinations, { groupId: 's1' })).toMatchObject({ status: 200, json: { replayed: true } });
    expect(await splitOf([{ account: 'd', share: 1 }, destinations[1] as object], { groupId: 's1' })).toMatchObject({
      status: 409,
      json: { code: 'group_id_reused' },
    });
  });

  it.each<[string, object[], string]>([
    ['both a share and an amount', [{ account: 'b', share: 1, amount: '1.00' }], '/destinations/0'],
    ['neither', [{ account: 'b' }], '/destinations/0'],
    ['amounts above the whole', [{ account: 'b', amount: '10.01' }], '/destinations'],
    [
      'two that get what remains',
      [
        { account: 'b', remaining: true },
        { account: 'c', remaining: true },
      ],
      '/destinations/1',
    ],
    ['the source itself', [{ account: 'a', share: 1 }], '/destinations/0/account'],
    [
      'an amount with too many decimals',
      [
        { account: 'b', amount: '1.001' },
        { account: 'c', share: 1 },
      ],
      '/destinations/0/amount',
    ],
  ])('refuses %s', async (_, destinations, pointer) => {
    expect(await splitOf(destinations)).toMatchObject({ status: 400, json: { errors: [{ pointer }] } });
  });

  it('is refused as a whole, like any group', async () => {
    expect(
      await splitOf(
        [
          { account: 'b', share: 1 },
          { account: 'c', share: 1 },
        ],
        { amount: '100.01' },
      ),
    ).toMatchObject({
      status: 422,
      json: { code: 'group_refused', index: 1, refusal: 'insufficient_funds' },
    });
    expect(balance('a')).toBe(10_000);
  });
});

describe('GET /v1/transfers/group/{groupId}', () => {
  it('shows a group, posted or refused', async () => {
    await group([transfer('a', 'b', '1.00'), transfer('b', 'c', '1.00')], { groupId: 'g1' });
    await group([transfer('a', 'b', '1.00'), transfer('d', 'c', '1.00')], { groupId: 'g2' });
    expect((await api.get('/v1/transfers/group/g1')).json).toMatchObject({ status: 'POSTED', transfers: [{}, {}] });
    expect((await api.get('/v1/transfers/group/g2')).json).toMatchObject({
      status: 'REJECTED',
      index: 1,
      refusal: 'insufficient_funds',
      transfers: [{ sourceAccount: 'a' }, { sourceAccount: 'd' }],
    });
    expect(await api.get('/v1/transfers/group/g3')).toMatchObject({ status: 404, json: { code: 'group_not_found' } });
  });
});

describe('A dry run', () => {
  const dryRun = true;
  it('shows what a transfer would do, without doing it', async () => {
    const asked = transfer('a', 'b', '60.00', { dryRun, transactionId: 't1' });
    const shown = {
      dryRun,
      status: 'POSTED',
      sourceBalance: '40.00',
      destinationBalance: '60.00',
      transactionId: 't1',
    };
    expect(await api.post('/v1/transfers', asked)).toMatchObject({ status: 200, json: shown });
    expect([balance('a'), api.ledger.outcomes.size]).toEqual([10_000, 0]);
    expect(await api.post('/v1/transfers', { ...asked, amount: '100.01' })).toMatchObject({
      status: 422,
      json: { code: 'insufficient_funds' },
    });
    // The id is still unused.
    expect(await api.post('/v1/transfers', { ...asked, dryRun: false })).toMatchObject({ status: 201 });
    expect(await api.post('/v1/transfers', asked)).toMatchObject({ status: 200, json: { replayed: true } });
    expect(await api.post('/v1/transfers', { ...asked, amount: '1.00' })).toMatchObject({ status: 409 });
  });

  it('without an id shows no id', async () => {
    expect((await api.post('/v1/transfers', transfer('a', 'b', '1.00', { dryRun }))).json).not.toHaveProperty(
      'transactionId',
    );
    const { json } = await group([transfer('a', 'b', '60.00'), transfer('b', 'c', '59.00')], { dryRun });
    expect(json).toMatchObject({ dryRun, transfers: [{}, { sourceBalance: '1.00' }] });
    expect(json).not.toHaveProperty('groupId');
    expect([balance('a'), api.ledger.groups.size]).toEqual([10_000, 0]);
  });

  it('of a group shows which transfer would be refused, or which id is already known', async () => {
    await api.post('/v1/transfers', transfer('a', 'b', '1.00', { transactionId: 't1' }));
    expect(await group([transfer('a', 'b', '1.00'), transfer('c', 'b', '1.00')], { dryRun })).toMatchObject({
      status: 422,
      json: { code: 'group_refused', index: 1 },
    });
    const known = [transfer('a', 'b', '1.00'), transfer('a', 'c', '1.00', { transactionId: 't1' })];
    expect(await group(known, { dryRun })).toMatchObject({ status: 409, json: { index: 1 } });
  });

  it('of a split shows who would get what', async () => {
    const { json } = await splitOf(
      [
        { account: 'b', share: 2 },
        { account: 'c', share: 1 },
      ],
      { dryRun },
    );
    expect(json).toMatchObject({ dryRun, destinations: [{ amount: '6.67' }, { amount: '3.33' }] });
    expect(balance('a')).toBe(10_000);
  });

  it('cannot be requested for an item of a batch', async () => {
    const { json } = await api.post('/v1/transfers/batch', { transfers: [transfer('a', 'b', '1.00', { dryRun })] });
    expect(json['results']).toMatchObject([{ status: 400, errors: [{ pointer: '/dryRun' }] }]);
  });
});
