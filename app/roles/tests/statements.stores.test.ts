import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { parse } from 'csv-parse/sync';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { newUuidV7 } from '../../domain/ids.ts';
import { until } from '../../kernel/testing/until.ts';
import { SqlHistory } from '../../mysql/ledger/history.ts';
import { writeLongHistory } from '../../mysql/testing/long-history.ts';
import { API_KEY, type Role, RolesUnderTest } from '../testing/roles-under-test.ts';

/** With these settings, a switch-over takes only a moment. */
const SOON = { REDIS_LOST_AFTER_MS: '300', REDIS_STEADY_AFTER_MS: '200' };
const SHORT = { REQUEST_TIMEOUT_MS: '3000', MYSQL_QUERY_TIMEOUT_MS: '2000', MYSQL_LOCK_WAIT_TIMEOUT_S: '2' };
const FROM = '2020-01-01T00:00:00Z';

let roles: RolesUnderTest;
let apis: [Role, Role];
beforeEach(async () => {
  roles = await RolesUnderTest.start();
  await roles.keeper(SOON);
  apis = await Promise.all([roles.api(SHORT), roles.api(SHORT)]);
  for (const api of apis) {
    await api.ready();
    await api.worksIn('CACHE');
  }
  await roles.openAccounts(apis[0]);
});
afterEach(async () => {
  vi.restoreAllMocks();
  await roles.stop();
});

const statement = (api: Role, to: string) =>
  api.request('GET', `/v1/accounts/ada/statement?format=csv&from=${FROM}&to=${to}`);

interface Read {
  to: string;
  text: string;
  /** The transfers that had been acknowledged when the request was sent. */
  acknowledged: { id: string; acceptedAt: string }[];
}

describe('Statements while transfers are posted', () => {
  let writing: boolean;
  const acknowledged: Read['acknowledged'] = [];
  const read: Read[] = [];

  async function write(api: Role): Promise<void> {
    for (let id = newUuidV7(Date.now()); writing; ) {
      const { status, json } = await api.transfer(id, '0.01');
      if (status !== 201 && status !== 200) {
        expect([503, 504]).toContain(status);
        continue;
      }
      acknowledged.push({ id, acceptedAt: json['acceptedAt'] as string });
      id = newUuidV7(Date.now());
    }
  }
  async function readAll(api: Role): Promise<void> {
    while (writing) {
      const known = [...acknowledged];
      const to =
        known
          .map(({ acceptedAt }) => acceptedAt)
          .sort()
          .at(-1) ?? FROM;
      const { status, json } = await statement(api, to);
      if (status === 200) read.push({ to, text: json['text'] as string, acknowledged: known });
      // For a pod, that time may still be in the future.
      else expect([400, 503]).toContain(status);
    }
  }
  const more = async (list: unknown[], count: number) => {
    const before = list.length;
    await until('there are more', () => list.length > before + count);
  };
  const mode = async () => (await apis[0].context.authority.read()).mode;

  it('contain everything that was accepted in their period, and never change, through two switch-overs', async () => {
    writing = true;
    const busy = apis.flatMap((api) => [write(api), write(api), readAll(api)]);
    await more(read, 10);
    await roles.redis.kill();
    await until('MySQL has the authority', async () => (await mode()) === 'DIRECT');
    await roles.redis.startAgain();
    await until('Redis has the authority', async () => (await mode()) === 'CACHE');
    await more(acknowledged, 50);
    await more(read, 10);
    writing = false;
    await Promise.all(busy);
    for (const { to, text, acknowledged: known } of read) {
      const rows = parse(text, { columns: true }) as Record<string, string>[];
      const ids = new Set(rows.map(({ transactionId }) => transactionId));
      expect(known.filter(({ id, acceptedAt }) => acceptedAt < to && !ids.has(id))).toEqual([]);
      expect(rows.at(-1)).toMatchObject({ type: 'closing_balance', balance: ((rows.length - 2) / 100).toFixed(2) });
      const again = await until('the history is complete', async () => {
        const { status, json } = await statement(apis[0], to);
        return status === 200 ? (json['text'] as string) : null;
      });
      expect(again).toBe(text);
    }
  }, 300_000);
});

describe('A pod that is sending a statement', () => {
  it('does not finish the statement when it is stopped', async () => {
    await writeLongHistory(roles.db.database, 10, { startMs: Date.UTC(2026, 0, 1) });
    // Only the response head is sent; otherwise, the client would be disconnected because it does not read.
    vi.spyOn(SqlHistory.prototype, 'page').mockImplementation(() => new Promise(() => {}));
    const [api] = apis;
    const { port } = api.server.address() as { port: number };
    const path = `/v1/accounts/ada/statement?from=${FROM}&to=2026-03-01T00:00:00Z`;
    const sent = request({ port, path, headers: { Authorization: `Bearer ${API_KEY}` }, agent: false });
    sent.end();
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    expect(response.statusCode).toBe(200);
    response.on('error', () => {});
    response.resume();
    await api.stop();
    await until('the response ends', () => response.closed);
    expect(response.complete).toBe(false);
  }, 300_000);
});
