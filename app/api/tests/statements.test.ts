import { request } from 'node:http';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Problem } from '../../domain/problem.ts';
import type { Posting } from '../../domain/types.ts';
import { until } from '../../kernel/testing/until.ts';
import type { HistoryQuery } from '../../ledger/ports/history.ts';
import { ApiUnderTest, keyWith, NOW } from '../testing/api-under-test.ts';

const START = NOW - 100_000;
let api: ApiUnderTest;
beforeEach(async () => {
  api = await ApiUnderTest.start();
  api.ledger.open('a', { name: 'Ada' });
  api.ledger.open('shop', { name: 'Shop & Co' });
  api.ledger.open('idle', { currency: 'JPY' });
  api.ledger.postingList.push(
    posting(1, 1000),
    posting(2, -250, { reference: 'Invoice 7', metadata: { order: '7' }, timestamp: START - 5 }),
    posting(3, 250, { kind: 'reversal', reverses: 't2', user: 'bo"b' }),
    posting(4, -1, { kind: 'capture', hold: { holdId: 'h', heldChange: 0 }, groupId: 'g' }),
  );
});
afterEach(() => api.stop());

let balance = 0;
function posting(version: number, amount: number, fields: Partial<Posting> = {}): Posting {
  balance = version === 1 ? amount : balance + amount;
  return {
    accountId: 'a',
    kind: 'transfer',
    version,
    amount,
    balanceAfter: balance,
    heldAfter: null,
    currency: 'EUR',
    transactionId: `t${version}`,
    counterparty: 'shop',
    timestamp: null,
    reference: null,
    metadata: null,
    groupId: null,
    reverses: null,
    hold: null,
    acceptedAt: START + version * 1000,
    persistedAt: START + version * 1000 + 30,
    correlationId: 'c',
    user: 'tester',
    ...fields,
  };
}

const time = (second: number) => new Date(START + second * 1000).toISOString();
const path = (from: number, to: number, more = '') =>
  `/v1/accounts/a/statement?from=${encodeURIComponent(time(from))}&to=${encodeURIComponent(time(to))}${more}`;

describe('GET /v1/accounts/{id}/statement as CSV', () => {
  it('has the opening balance, the postings of the period, and the closing balance', async () => {
    const { status, headers, text } = await api.get(path(2, 5));
    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe('text/csv; charset=utf-8; header=present');
    expect(headers.get('content-disposition')).toBe(
      'attachment; filename="statement-a-2026-01-31T115822.000Z-2026-01-31T115825.000Z.csv"',
    );
    expect(text.split('\r\n')).toEqual([
      'type,acceptedAt,version,amount,currency,balance,transactionId,counterparty,counterpartyName,reference,timestamp,groupId,reverses,holdId,metadata,user,correlationId',
      'opening_balance,2026-01-31T11:58:22.000Z,1,,EUR,10.00,,,,,,,,,,,',
      'transfer,2026-01-31T11:58:22.000Z,2,-2.50,EUR,7.50,"t2","shop","Shop & Co","Invoice 7",2026-01-31T11:58:19.995Z,,,,"{""order"":""7""}","tester","c"',
      'reversal,2026-01-31T11:58:23.000Z,3,2.50,EUR,10.00,"t3","shop","Shop & Co",,2026-01-31T11:58:23.000Z,,"t2",,,"bo""b","c"',
      'capture,2026-01-31T11:58:24.000Z,4,-0.01,EUR,9.99,"t4","shop","Shop & Co",,2026-01-31T11:58:24.000Z,"g",,"h",,"tester","c"',
      'closing_balance,2026-01-31T11:58:25.000Z,4,,EUR,9.99,,,,,,,,,,,',
      '',
    ]);
  });
  it('has the same balance twice for a period without postings', async () => {
    const { text } = await api.get(path(6, 9));
    expect(text.split('\r\n').slice(1)).toEqual([
      expect.stringMatching(/^opening_balance,.*,4,,EUR,9\.99,/),
      expect.stringMatching(/^closing_balance,.*,4,,EUR,9\.99,/),
      '',
    ]);
    const { text: idle } = await api.get(path(0, 9).replace('/a/', '/idle/'));
    expect(idle).toMatch(/opening_balance,.*,0,,JPY,0,.*\r\nclosing_balance,.*,0,,JPY,0,/);
  });
});

describe('The format of a statement', () => {
  it.each([
    ['the Accept header', '', 'application/xml', 'application/xml'],
    ['the first type in the Accept header', '', 'text/csv, application/xml', 'text/csv'],
    ['the first type in the Accept header', '', 'text/xml;q=0.9, text/csv', 'application/xml'],
    ['the parameter before the Accept header', '&format=csv', 'application/xml', 'text/csv'],
    ['the parameter', '&format=camt.053', '*/*', 'application/xml'],
  ])('is determined by %s', async (_what, more, accept, type) => {
    const { headers } = await api.get(path(0, 9, more), { headers: { Accept: accept } });
    expect(headers.get('content-type')).toContain(type);
    expect(headers.get('vary')).toBe('Accept');
  });
});

describe('A statement', () => {
  it.each([
    ['without a period', '', '/from'],
    ['of an empty period', path(5, 5), '/to'],
    ['of a period that has not ended', path(0, 101), '/to'],
    ['in an unknown format', path(0, 5, '&format=pdf'), '/format'],
  ])('%s is refused', async (_what, query, pointer) => {
    const { status, json } = await api.get(query || '/v1/accounts/a/statement');
    expect(status).toBe(400);
    expect((json['errors'] as { pointer: string }[])[0]).toMatchObject({ pointer });
  });
  it('requires an account and a scope', async () => {
    expect(await api.get(path(0, 9).replace('/a/', '/no/'))).toMatchObject({ status: 404 });
    expect(await api.get(path(0, 9), { key: keyWith('ops') })).toMatchObject({ status: 403 });
  });
  it('consists of headers only in response to HEAD', async () => {
    const pages = countPages();
    const { status, text, headers } = await api.request('HEAD', path(0, 9));
    expect([status, text, headers.get('content-type')]).toEqual([200, '', 'text/csv; charset=utf-8; header=present']);
    expect(pages.read).toBe(0);
  });
});

describe('A statement of a period that may not be complete in MySQL', () => {
  /** Waiting takes no time in these tests. */
  function skipWaits(): { waits: number } {
    const waited = { waits: 0 };
    let now = 0;
    api.clock.monotonic = () => now;
    api.clock.sleep = async (ms) => {
      waited.waits += 1;
      now += ms;
    };
    return waited;
  }
  const account = () => api.ledger.accounts.get('a') as { version: number; stale: boolean; asOf: number };
  const INCOMPLETE = { status: 503, json: { code: 'history_incomplete' } };

  it('is refused while MySQL lacks a version that the ledger has', async () => {
    skipWaits();
    account().version = 5;
    const reply = await api.get(path(0, 9));
    expect(reply).toMatchObject(INCOMPLETE);
    expect(reply.headers.get('retry-after')).toBe('1');
  });
  it('waits until MySQL has that version', async () => {
    const waited = skipWaits();
    account().version = 5;
    const sleep = api.clock.sleep;
    api.clock.sleep = async (ms) => {
      if (waited.waits === 3) api.ledger.postingList.push(posting(5, 7));
      await sleep(ms);
    };
    expect((await api.get(path(0, 9))).text).toContain('"t5"');
    expect(waited.waits).toBe(4);
  });
  it('is refused while the account may be out of date, or was read too soon after the end of the period', async () => {
    skipWaits();
    account().version = 4;
    account().stale = true;
    expect(await api.get(path(0, 9))).toMatchObject(INCOMPLETE);
    account().stale = false;
    account().asOf = START + 13_999;
    expect(await api.get(path(0, 9))).toMatchObject(INCOMPLETE);
    account().asOf = START + 14_000;
    expect(await api.get(path(0, 9))).toMatchObject({ status: 200 });
    api.ledger.failures.set('read', new Problem('ledger_switching', 'moving'));
    expect(await api.get(path(0, 9))).toMatchObject(INCOMPLETE);
  });
  it('is complete in any case if MySQL has a later version', async () => {
    const waited = skipWaits();
    account().stale = true;
    account().version = 99;
    const { text } = await api.get(path(0, 3));
    expect(text).toContain('closing_balance,2026-01-31T11:58:23.000Z,2,');
    expect(waited.waits).toBe(0);
  });
});

/** Counts the pages of history that are read. */
function countPages(): { read: number } {
  const pages = { read: 0 };
  const page = api.ledger.page.bind(api.ledger);
  api.ledger.page = (query: HistoryQuery) => {
    pages.read += 1;
    return page(query);
  };
  return pages;
}

describe('A long statement', () => {
  // Together, they are much larger than the buffers of a connection.
  const POSTINGS = 15_000;
  const fields = { acceptedAt: START + 1, metadata: { note: 'n'.repeat(1_000) } };
  let postings: Posting[];
  beforeAll(() => {
    postings = Array.from({ length: POSTINGS }, (_, index) => posting(index + 1, 1, fields));
  });
  beforeEach(() => {
    api.ledger.postingList.splice(0, Number.POSITIVE_INFINITY, ...postings);
    api.ledger.page = async ({ position, limit }) => {
      const end = (position ?? 0) + limit;
      return { items: postings.slice(position ?? 0, end), next: end < POSTINGS ? end : null };
    };
  });

  /** A client that reads nothing until the test lets it. */
  function slowClient(): Promise<{ rest(): Promise<string>; destroy(): void }> {
    return new Promise((resolve, reject) => {
      const headers = { Authorization: `Bearer ${keyWith('balances:read')}` };
      const sent = request(api.url + path(0, 9), { headers, agent: false }, (response) => {
        response.pause();
        resolve({
          rest: () =>
            new Promise((done, failed) => {
              let text = '';
              response.on('data', (chunk) => {
                text += chunk;
              });
              response.on('end', () => done(text));
              response.on('error', failed);
              response.resume();
            }),
          destroy: () => sent.destroy(),
        });
      });
      sent.on('error', reject);
      sent.end();
    });
  }

  it('is generated only as fast as its client reads', async () => {
    const pages = countPages();
    const client = await slowClient();
    let [before, polls] = [-1, 0];
    await until('nothing more is read', () => {
      polls = pages.read === before ? polls + 1 : 0;
      before = pages.read;
      return pages.read > 0 && polls === 40;
    });
    expect(pages.read).toBeLessThan(POSTINGS / 500 / 2);
    const lines = (await client.rest()).split('\r\n');
    expect(lines.length).toBe(POSTINGS + 4);
    expect(lines.at(-2)).toMatch(/^closing_balance,.*,15000,,EUR,150\.00,/);
    expect(api.streams.size).toBe(0);
  });
  it('is cut off when the pod shuts down, and further ones are refused', async () => {
    const client = await slowClient();
    expect(api.streams.size).toBe(1);
    api.streams.end();
    await expect(client.rest()).rejects.toThrow('aborted');
    await until('the request is over', () => api.streams.size === 0);
    expect(api.logged).toContainEqual(expect.objectContaining({ message: 'failed to send a response' }));
    expect(await api.get(path(0, 9))).toMatchObject({ status: 503, json: { code: 'shutting_down' } });
  });
  it('is cut off when the history can no longer be read', async () => {
    const client = await slowClient();
    api.ledger.page = async () => {
      throw new Problem('database_unavailable', 'gone');
    };
    await expect(client.rest()).rejects.toThrow('aborted');
    expect(api.logged.at(-1)).toMatchObject({ fields: { err: { code: 'database_unavailable' } } });
  });
  it('ends without a log line when its client disconnects', async () => {
    const client = await slowClient();
    client.destroy();
    await until('the request is over', () => api.streams.size === 0);
    expect(api.logged).toEqual([]);
  });
  it('is refused while sixteen others are being sent', async () => {
    const { page } = api.ledger;
    api.ledger.page = () => new Promise(() => {});
    const clients = await Promise.all(Array.from({ length: 16 }, slowClient));
    expect(await api.get(path(0, 9))).toMatchObject({ status: 503, json: { code: 'overloaded' } });
    expect((await api.get('/v1/accounts/a')).status).toBe(200);
    api.ledger.page = page;
    for (const client of clients) client.destroy();
    await until('one of the requests is over', () => api.streams.size < 16);
    expect((await api.get(path(0, 9))).status).toBe(200);
  });
});
