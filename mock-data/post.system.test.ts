import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ApiClient, Refused } from './client.ts';
import { generate } from './generate.ts';
import type { Line, TransferLine } from './lines.ts';
import { type PostLinesOptions, postLines } from './post-lines.ts';
import { Random } from './random.ts';
import { GaveUp, parseRetryAfter, type RetryPolicy } from './retry.ts';
import { Tally } from './tally.ts';
import { collect, SMALL_BANK } from './testing/banks.ts';
import { FakeService } from './testing/fake-service.ts';

const FAST: RetryPolicy = { baseMs: 1, pauseMaxMs: 5, giveUpAfterMs: 2_000 };
const OPTIONS: PostLinesOptions = { batch: 50, concurrency: 6 };

let service: FakeService;
let url: string;
beforeEach(async () => {
  service = new FakeService();
  url = await service.listen();
});
afterEach(() => service[Symbol.asyncDispose]());

function clientTo(urls: readonly string[], retry: RetryPolicy = FAST): ApiClient {
  return new ApiClient({ urls, apiKey: 'test', retry, timeoutMs: 5_000 });
}

function account(accountId: string, external = false): Line {
  const body = { accountId, currency: 'EUR', name: accountId };
  return { kind: 'account', body: external ? { ...body, external: true } : body };
}

/** `count` deposits of one cent into A. */
function deposits(count: number): Line[] {
  const transfers = Array.from(
    { length: count },
    (_, index): TransferLine => ({
      kind: 'transfer',
      expect: 'POSTED',
      order: 'destination',
      body: {
        transactionId: `t-${index}`,
        sourceAccount: 'cash',
        destinationAccount: 'A',
        amount: '0.01',
        currency: 'EUR',
        timestamp: '2025-01-01T00:00:00.000Z',
        reference: 'Deposit',
      },
    }),
  );
  return [account('cash', true), account('A'), ...transfers];
}

/** Posts the lines, and compares the acknowledged outcomes with the contents of the service. */
async function postAndCompare(lines: Line[], client: ApiClient) {
  const tally = new Tally();
  for (const line of lines) if (line.kind === 'account') tally.open(line.body.accountId, line.body.currency);
  const report = await postLines(client, lines, {
    ...OPTIONS,
    onPayment: (line, result) => tally.apply(line, result),
  });
  for (const [id, { balance, held, postings }] of tally.accounts) {
    expect({ id, balance, held, postings: Number(postings) }).toEqual({
      id,
      held: service.accounts.get(id)?.held,
      balance: service.accounts.get(id)?.balance,
      postings: service.accounts.get(id)?.version,
    });
  }
  return { report, tally };
}

describe('postLines', () => {
  it('gets exactly the outcomes that the generator predicts, despite reordering and failures', async () => {
    const random = new Random('faults');
    const other = await service.listen();
    service.delayMs = () => random.int(8);
    service.singleFaults = () => (random.uniform() < 0.1 ? 'drop' : 'none');
    service.faults = () => {
      const chance = random.uniform();
      if (chance < 0.1) return 'drop';
      if (chance < 0.15) return 'refuse';
      if (chance < 0.25) return 'items';
      return chance < 0.35 ? { status: chance < 0.3 ? 503 : 429 } : 'none';
    };
    const lines = await collect(generate(SMALL_BANK));
    using client = clientTo([url, other]);
    const { report, tally } = await postAndCompare(lines, client);
    expect(report.examples).toEqual([]);
    expect(report.retries).toBeGreaterThan(10);
    expect(tally.balances.examples).toEqual([]);
    expect(tally.versions.differing).toBe(0);
    expect(tally.splits).toMatchObject({ differing: 0 });
    for (const outcome of [
      'holds 201',
      'raised holds 200',
      'captures 201',
      'voided holds 200',
      'groups 201',
      'splits 201',
    ])
      expect(report.outcomes.get(outcome), outcome).toBeGreaterThan(0);
    expect(tally.balances.compared).toBeGreaterThan(SMALL_BANK.transfers);
  });

  it('can be repeated: every transfer gets its existing outcome', async () => {
    const lines = await collect(generate({ ...SMALL_BANK, transfers: 2000 }));
    using client = clientTo([url]);
    await postAndCompare(lines, client);
    const { report } = await postAndCompare(lines, client);
    expect(report.unexpected).toBe(0);
    expect(report.outcomes.get('transfers 201')).toBeUndefined();
    expect(report.outcomes.get('accounts 200')).toBe(SMALL_BANK.accounts);
    expect([...report.outcomes.keys()]).toContain('transfers 422 insufficient_funds');
  });

  it('posts the transfers of an account in order, one at a time', async () => {
    service.delayMs = () => Math.floor(Math.random() * 5);
    service.faults = (request) => (request % 4 === 1 ? 'drop' : 'none');
    using client = clientTo([url]);
    await postAndCompare(deposits(30), client);
    expect([...service.outcomes.keys()]).toEqual(Array.from({ length: 30 }, (_, index) => `t-${index}`));
  });

  it('retries the same ids after a lost connection, and counts the replay', async () => {
    service.faults = (request) => (request === 0 ? 'drop' : 'none');
    using client = clientTo([url]);
    const { report } = await postAndCompare(deposits(1), client);
    expect(service.requests).toEqual([['t-0'], ['t-0']]);
    expect(report.outcomes.get('transfers 200')).toBe(1);
    expect(report.retries).toBe(1);
  });

  it('retries only the items of a batch that have no outcome', async () => {
    service.faults = (request) => (request === 0 ? 'items' : 'none');
    using client = clientTo([url]);
    const free = deposits(7).map((line): Line => (line.kind === 'transfer' ? { ...line, order: 'none' } : line));
    await postAndCompare(free, client);
    expect(service.requests).toEqual([
      ['t-0', 't-1', 't-2', 't-3', 't-4', 't-5', 't-6'],
      ['t-1', 't-4'],
    ]);
  });

  it('moves to another pod if one is gone', async () => {
    using client = clientTo(['http://127.0.0.1:1', url]);
    const { report } = await postAndCompare(deposits(5), client);
    expect(report.unexpected).toBe(0);
  });

  it('waits for the time in Retry-After', async () => {
    service.faults = (request) => (request === 0 ? { status: 429, retryAfter: '1' } : 'none');
    using client = clientTo([url]);
    const startedMs = performance.now();
    await postAndCompare(deposits(1), client);
    expect(performance.now() - startedMs).toBeGreaterThan(990);
  });

  it('gives up after the limit and reports why', async () => {
    service.faults = () => ({ status: 503 });
    using client = clientTo([url], { ...FAST, giveUpAfterMs: 40 });
    const posting = postLines(client, deposits(3), OPTIONS);
    await expect(posting).rejects.toThrow(GaveUp);
    await expect(posting).rejects.toThrow(/Gave up after \d+ attempts in 0 s; the last: 503 backlog_full/);
  });

  it('stops immediately on an error that retrying cannot fix', async () => {
    service.faults = () => ({ status: 401 });
    using client = clientTo([url]);
    await expect(postLines(client, deposits(3), OPTIONS)).rejects.toThrow(Refused);
    expect(service.requests).toHaveLength(1);
  });

  it('stops on its signal', async () => {
    service.faults = () => ({ status: 503 });
    const stop = new AbortController();
    using client = new ApiClient({ urls: [url], apiKey: 'test', retry: FAST, signal: stop.signal });
    const posting = postLines(client, deposits(3), { ...OPTIONS, onRetry: () => stop.abort(new Error('enough')) });
    await expect(posting).rejects.toThrow('enough');
  });

  it('reports unexpected outcomes', async () => {
    using client = clientTo([url]);
    const lines = deposits(2).map(
      (line): Line => (line.kind === 'transfer' ? { ...line, expect: 'account_frozen' } : line),
    );
    const report = await postLines(client, lines, OPTIONS);
    expect(report.unexpected).toBe(2);
    expect(report.examples[0]).toBe('transfer t-0: 201, not account_frozen');
  });
});

describe('parseRetryAfter', () => {
  it('parses seconds and dates', () => {
    const now = Date.UTC(2026, 0, 1);
    expect(parseRetryAfter('3', now)).toBe(3000);
    expect(parseRetryAfter('Thu, 01 Jan 2026 00:00:05 GMT', now)).toBe(5000);
    expect(parseRetryAfter('soon', now)).toBeNull();
    expect(parseRetryAfter(undefined, now)).toBeNull();
  });
});
