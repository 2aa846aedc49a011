import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CAMT_EXAMPLE, CSV_EXAMPLE } from '../../../../app/api/statements/statement-examples.ts';
import { Holdfast } from '../client.ts';
import { collect } from '../testing/collect.ts';
import { answer, HostileServer, problem } from '../testing/hostile-server.ts';
import { pages } from './pages.ts';

let server: HostileServer;
beforeAll(async () => {
  server = await HostileServer.start(() => undefined);
});
afterAll(() => server.stop());

const client = () => new Holdfast({ url: server.url, apiKey: 'k' });
const PERIOD = { from: '2026-01-01T00:00:00Z', to: '2026-02-01T00:00:00Z' };

describe('A statement', () => {
  it.each([
    ['csv', 'text/csv; charset=utf-8; header=present', CSV_EXAMPLE],
    ['camt.053', 'application/xml; charset=utf-8', CAMT_EXAMPLE],
  ] as const)('as %s is passed on unchanged', async (format, contentType, text) => {
    server.handler = (_, response) => {
      response.writeHead(200, {
        'Content-Type': contentType,
        'Content-Disposition': 'attachment; filename="statement-ada.x"',
      });
      // Sent in pieces, so that the end is split between chunks.
      for (let at = 0; at < text.length; at += 7) response.write(text.slice(at, at + 7));
      response.end();
    };
    const statement = await client().accounts.statement('ada', { ...PERIOD, format });
    expect(statement).toMatchObject({ contentType, fileName: 'statement-ada.x' });
    expect(await new Response(statement.body).text()).toBe(text);
  });

  it.each([
    ['csv', 'text/csv', CSV_EXAMPLE.slice(0, CSV_EXAMPLE.lastIndexOf('closing_balance'))],
    ['csv', 'text/csv', CSV_EXAMPLE.slice(0, -2)],
    ['csv', 'text/csv', ''],
    ['camt.053', 'application/xml', CAMT_EXAMPLE.slice(0, -13)],
    ['camt.053', 'application/xml', CSV_EXAMPLE],
  ] as const)('as %s that ends too early fails, even if the connection ended cleanly', async (format, type, text) => {
    server.handler = (_, response) => response.writeHead(200, { 'Content-Type': type }).end(text);
    const { body } = await client().accounts.statement('ada', { ...PERIOD, format });
    await expect(new Response(body).text()).rejects.toThrow(/incomplete/);
  });

  it('that is cut off fails', async () => {
    server.handler = (_, response) => {
      response.writeHead(200, { 'Content-Type': 'text/csv' });
      response.write(CSV_EXAMPLE, () => response.destroy());
    };
    const { body } = await client().accounts.statement('ada', PERIOD);
    await expect(new Response(body).text()).rejects.toThrow();
  });

  it('that is not ready yet is requested again', async () => {
    let asked = 0;
    server.handler = (_, response) => {
      if (asked++ === 0) return answer(response, 503, problem('history_incomplete', 503), { 'Retry-After': '0' });
      response.writeHead(200, { 'Content-Type': 'text/csv' }).end(CSV_EXAMPLE);
    };
    const { body } = await client().accounts.statement('ada', PERIOD);
    expect(await new Response(body).text()).toBe(CSV_EXAMPLE);
    expect(asked).toBe(2);
  });

  it('of an account that does not exist is refused with a problem', async () => {
    server.handler = (_, response) => answer(response, 404, problem('account_not_found', 404));
    await expect(client().accounts.statement('nobody', PERIOD)).rejects.toMatchObject({ code: 'account_not_found' });
  });

  it('can be abandoned while it is read', async () => {
    server.handler = (_, response) => {
      response.writeHead(200, { 'Content-Type': 'text/csv' }).write('type,');
    };
    const controller = new AbortController();
    const { body } = await client().accounts.statement('ada', PERIOD, { signal: controller.signal });
    const reading = new Response(body).text();
    controller.abort(new Error('no longer'));
    await expect(reading).rejects.toThrow();
  });
});

describe('Pages', () => {
  it('are read one after another, including empty ones, and only as far as needed', async () => {
    const asked: (string | undefined)[] = [];
    const all = [
      { items: [1, 2], nextCursor: 'b' },
      { items: [], nextCursor: 'c' },
      { items: [3], nextCursor: null },
    ];
    const pageAt = async (cursor: string | undefined) => {
      asked.push(cursor);
      return all[asked.length - 1] ?? { items: [], nextCursor: null };
    };
    expect(await collect(pages(pageAt))).toEqual([1, 2, 3]);
    expect(asked).toEqual([undefined, 'b', 'c']);
    asked.length = 0;
    for await (const item of pages(pageAt)) if (item === 2) break;
    expect(asked).toEqual([undefined]);
  });
  it('with a cursor that leads back to the same page cause an error', async () => {
    await expect(collect(pages(async () => ({ items: [], nextCursor: 'a' })))).rejects.toThrow(/same cursor/);
  });
  it('of the lists of transfers and accounts are requested with the filters and the cursor', async () => {
    server.requests.length = 0;
    server.handler = (_, response) =>
      answer(response, 200, { items: [{}], nextCursor: server.requests.length % 2 === 1 ? 'x y' : null, asOf: '' });
    expect(
      await collect(client().transfers.list({ account: 'ada', metadataKey: 'n', metadataValue: 'ä' })),
    ).toHaveLength(2);
    expect(await collect(client().accounts.list({ prefix: 'shop:' }))).toHaveLength(2);
    expect(server.requests.map(({ path }) => path)).toEqual([
      '/v1/transfers?account=ada&metadataKey=n&metadataValue=%C3%A4',
      '/v1/transfers?account=ada&metadataKey=n&metadataValue=%C3%A4&cursor=x+y',
      '/v1/accounts?prefix=shop%3A',
      '/v1/accounts?prefix=shop%3A&cursor=x+y',
    ]);
  });
  it('of the history of an account are requested with the filters and the cursor', async () => {
    server.requests.length = 0;
    server.handler = (_, response) =>
      answer(response, 200, { items: [{ version: 1 }], nextCursor: server.requests.length === 1 ? 'x y' : null });
    expect(await collect(client().accounts.postings('ada', { order: 'desc', direction: 'debit' }))).toHaveLength(2);
    expect(server.requests.map(({ path }) => path)).toEqual([
      '/v1/accounts/ada/postings?order=desc&direction=debit',
      '/v1/accounts/ada/postings?order=desc&direction=debit&cursor=x+y',
    ]);
  });
});
