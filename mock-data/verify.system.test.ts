import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ApiClient } from './client.ts';
import { generate } from './generate.ts';
import { postLines } from './post-lines.ts';
import type { Check } from './tally.ts';
import { Tally } from './tally.ts';
import { collect, SMALL_BANK } from './testing/banks.ts';
import { FakeService } from './testing/fake-service.ts';
import { verifyBooks, waitPersisted } from './verify.ts';

/** The service's own figures instead of those in MySQL; a test can introduce errors into them. */
function booksOf(service: FakeService) {
  const rows = [...service.accounts].map(([id, { body, balance, held, version }]) => ({
    id,
    account: { currency: body.currency, balance, held, version: BigInt(version) },
    sum: { sum: balance, held, postings: BigInt(version) },
  }));
  const accounts = new Map(rows.map(({ id, account }) => [id, account]));
  const sums = new Map(rows.map(({ id, sum }) => [id, sum]));
  return { accounts, sums, reader: { accounts: async () => accounts, sums: async () => sums } };
}

describe('verifyBooks', () => {
  let service: FakeService;
  let client: ApiClient;
  let tally: Tally;
  let bank: string;
  beforeEach(async () => {
    service = new FakeService();
    client = new ApiClient({ urls: [await service.listen()], apiKey: 'test' });
    tally = new Tally();
    const source = generate({ ...SMALL_BANK, transfers: 500 });
    bank = source.bank;
    const lines = await collect(source);
    for (const line of lines) if (line.kind === 'account') tally.open(line.body.accountId, line.body.currency);
    const onPayment = tally.apply.bind(tally);
    const report = await postLines(client, lines, { batch: 100, concurrency: 4, onPayment });
    await waitPersisted(client, report.lastPaths.values(), 1_000);
  });
  afterEach(async () => {
    client[Symbol.dispose]();
    await service[Symbol.asyncDispose]();
  });
  const differing = (checks: readonly Check[]) =>
    checks.filter((check) => check.differing > 0).map((check) => check.title);

  it('finds nothing if all books agree', async () => {
    const checks = await verifyBooks(client, booksOf(service).reader, tally, bank);
    expect(differing(checks)).toEqual([]);
    expect(checks.map((check) => check.compared)).toEqual([300, 300, 300, 300, 300, 300, 3]);
  });

  it('finds one cent too much in MySQL', async () => {
    const { accounts, reader } = booksOf(service);
    const [first] = accounts.values();
    if (first !== undefined) first.balance++;
    expect(differing(await verifyBooks(client, reader, tally, bank))).toEqual([
      'MySQL balance = API balance',
      'sum of transfers in MySQL = MySQL balance',
      'the sum over all accounts of a currency is zero',
    ]);
  });

  it('finds money that is held without a hold', async () => {
    const { accounts, reader } = booksOf(service);
    const [first] = accounts.values();
    if (first !== undefined) first.held++;
    expect(differing(await verifyBooks(client, reader, tally, bank))).toEqual([
      'open holds in MySQL = held in MySQL, in the API, and in the tally',
    ]);
  });

  it('finds a transfer that the service lost', async () => {
    const [, account] = [...service.accounts].find(([id]) => id.includes('EUR-m')) ?? [];
    if (account === undefined) throw new Error('the bank has merchants');
    account.balance -= 100n;
    account.version--;
    const titles = differing(await verifyBooks(client, booksOf(service).reader, tally, bank));
    expect(titles).toContain('API balance = sum of acknowledged transfers');
    expect(titles).toContain('postings and hold events in MySQL = version in MySQL and API');
  });

  it('finds an unexpected account', async () => {
    const { accounts, reader } = booksOf(service);
    accounts.set(`${bank}-EUR-c999999`, { currency: 'EUR', balance: 0n, held: 0n, version: 0n });
    expect(differing(await verifyBooks(client, reader, tally, bank))).toEqual([
      'MySQL has these accounts and no others',
    ]);
  });

  it('gives up waiting for a transfer that is never persisted', async () => {
    await expect(waitPersisted(client, ['/v1/transfers/unknown'], 50)).rejects.toThrow(
      '/v1/transfers/unknown was not persisted',
    );
  });
});

describe('Tally', () => {
  const line = (recorded: string) => ({
    kind: 'transfer' as const,
    expect: 'POSTED',
    order: 'destination' as const,
    recorded,
    body: {
      transactionId: recorded,
      sourceAccount: 'x',
      destinationAccount: 'a',
      amount: '1.00',
      currency: 'CZK',
      timestamp: '1993-01-01T00:00:00.000Z',
      reference: 'r',
    },
  });

  it('accumulates the rounding differences of recorded balances, and finds larger differences', () => {
    const tally = new Tally();
    for (const id of ['x', 'a']) tally.open(id, 'CZK');
    const answers = [
      { recorded: '1.10', balance: '1.00' },
      { recorded: '2.20', balance: '2.00' },
      { recorded: '3.50', balance: '3.00' },
    ];
    for (const [index, { recorded, balance }] of answers.entries()) {
      tally.apply(line(recorded), {
        status: 201,
        code: '',
        body: { destinationBalance: balance, destinationVersion: index + 1 },
      });
    }
    expect(tally.recorded).toMatchObject({
      compared: 3,
      differing: 1,
      examples: ['3.50: a is off by 30 haléř in one row'],
    });
    expect(tally.drift.get('a')).toBe(50n);
    expect(tally.balances.differing).toBe(0);
  });

  it('finds a wrong balance in an answer, and does not count refusals', () => {
    const tally = new Tally();
    for (const id of ['x', 'a']) tally.open(id, 'CZK');
    tally.apply(line('1.00'), { status: 422, code: 'insufficient_funds', body: {} });
    expect(tally.accounts.get('a')?.postings).toBe(0n);
    tally.apply(line('1.00'), { status: 201, code: '', body: { destinationBalance: '1.01', destinationVersion: 1 } });
    expect(tally.balances.differing).toBe(1);
    expect(tally.versions.differing).toBe(0);
    tally.apply(line('1.00'), { status: 200, code: '', body: {} });
    expect(tally.balances.differing).toBe(2);
  });
});
