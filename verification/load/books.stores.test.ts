import { createServer, type IncomingMessage } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { accountOf } from '../../app/domain/testing/orders.ts';
import { systemClock } from '../../app/kernel/clock.ts';
import { DirectStore } from '../../app/mysql/ledger/direct-store.ts';
import { DIRECT_EPOCH } from '../../app/mysql/testing/direct-accounts.ts';
import { capturing, placing, updating } from '../../app/mysql/testing/direct-holds.ts';
import { placeByEvents } from '../../app/mysql/testing/older-placings.ts';
import { migratedDatabase, openIn, type TestDatabase } from '../../app/mysql/testing/test-database.ts';
import { Client } from '../harness/client.ts';
import { readBooks, violationsInBooks } from './books.ts';

const ACCOUNTS = ['world', 'a', 'b'].map((id) => ({
  ...{ accountId: `bank:${id}`, currency: 'EUR', overdraftLimit: 0, external: id === 'world' },
}));
/** Stands in for the API, and returns the balances that MySQL has. */
const api = createServer(async (request, response) => {
  const { accountIds } = (await bodyOf(request)) as { accountIds: string[] };
  const rows = await test.database.rows<{ id: string; balance: number; version: number }>(
    'SELECT account_id AS id, balance, version FROM accounts WHERE account_id IN (?)',
    [accountIds],
  );
  const items = rows.map(({ id, balance, version }) => ({
    ...{ accountId: id, currency: 'EUR', balance: (balance / 100).toFixed(2), version },
  }));
  response.end(JSON.stringify({ items }));
});

let test: TestDatabase;
let client: Client;
beforeAll(async () => {
  test = await migratedDatabase();
  await new Promise<void>((resolve) => api.listen(0, '127.0.0.1', resolve));
  const { port } = api.address() as { port: number };
  client = new Client(() => [`http://127.0.0.1:${port}`], 'key');
});
afterAll(async () => {
  client[Symbol.dispose]();
  api.close();
  await test.drop();
});

/** world → a 1.00, a → b 0.40. */
beforeEach(async () => {
  await test.reset(DIRECT_EPOCH, 'DIRECT');
  await openIn(
    test.database,
    ACCOUNTS.map(({ accountId, external }) => accountOf(accountId, { external })),
  );
  await post('t1', ['world', -100, 1], ['a', 100, 1], 100);
  await post('t2', ['a', 60, 2], ['b', 40, 1], 40);
});

type Side = [account: string, balance: number, version: number];
async function post(id: string, source: Side, destination: Side, amount: number): Promise<void> {
  const sides = [source, destination].map(([account, ...position]) => [`bank:${account}`, ...position]);
  await test.database.rows(
    `INSERT INTO transfers (transaction_id, kind, \`status\`, source_account, source_balance, source_version,
       destination_account, destination_balance, destination_version, source_settings_version,
       destination_settings_version, amount, currency, accepted_at, accepted_after_ms, \`user\`, correlation_id, epoch, seq)
     VALUES (?, 'TRANSFER', 'POSTED', ?, 1, 1, ?, 'EUR', '2026-11-29 12:00:00.123', 0, 'u', 'c', 1, 1)`,
    [id, sides.flat(), amount],
  );
  for (const [account, balance, version] of sides) {
    await test.database.rows('UPDATE accounts SET balance = ?, version = ? WHERE account_id = ?', [
      ...[balance, version, account],
    ]);
  }
}

const address = () => {
  const { hostname: host, port, username: user, password, pathname } = new URL(test.url);
  return { host, port: Number(port), user, password, database: pathname.slice(1), pid: null };
};
const kinds = async () => (await violationsInBooks(address(), client, ACCOUNTS)).map(({ kind }) => kind);

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString());
}

it('reads the books of the accounts with a prefix', async () => {
  const books = await readBooks(address(), client, 'bank:', ACCOUNTS);
  expect(books.sums).toEqual({ EUR: 0n });
  expect(books.views).toEqual([
    { of: 'the API', accounts: expect.arrayContaining([{ accountId: 'bank:a', balance: 60, version: 2 }]) },
  ]);
  expect(books.accounts).toContainEqual({
    ...{ accountId: 'bank:a', currency: 'EUR', balance: 60, held: 0, version: 2 },
    ...{ overdraftLimit: 0, settingsVersion: 1, status: 'ACTIVE' },
  });
  expect(books.transfers[0]).toEqual({
    ...{ transactionId: 't1', correlationId: 'c', refusal: null, acceptedAt: Date.UTC(2026, 10, 29, 12, 0, 0, 123) },
    content: { source: 'bank:world', destination: 'bank:a', amount: 100, currency: 'EUR' },
    source: { balance: -100, version: 1, settingsVersion: 1 },
    destination: { balance: 100, version: 1, settingsVersion: 1 },
  });
  expect(await readBooks(address(), client, 'bank_', [])).toMatchObject({ transfers: [], accounts: [] });
});

it('finds nothing in sound books of a load that was not recorded', async () => {
  expect(await kinds()).toEqual([]);
});

it.each([
  ['a transfer is missing', "DELETE FROM transfers WHERE transaction_id = 't2'", ['balance']],
  ['a balance is wrong', "UPDATE accounts SET balance = 41 WHERE account_id = 'bank:b'", ['balance', 'sum']],
  ['a posting has a wrong sum', "UPDATE transfers SET source_balance = 59 WHERE transaction_id = 't2'", ['arithmetic']],
  [
    'a debit went below the limit',
    "UPDATE transfers SET source_balance = -1, amount = 101 WHERE transaction_id = 't2'",
    ['overdrawn'],
  ],
])('finds that %s', async (_what, sql, expected) => {
  await test.database.rows(sql);
  expect(await kinds()).toEqual(expect.arrayContaining(expected));
});

describe('Holds', () => {
  /** A hold of 0.30 on a, of which 0.10 is captured for b; a voided hold; and a refused one. */
  beforeEach(async () => {
    const store = new DirectStore({ database: test.database, clock: systemClock });
    const hold = { holdId: 'h1', source: 'bank:a', destination: 'bank:b' };
    await store.applyHolds(DIRECT_EPOCH, [
      placing('h1', 'bank:a', 30),
      capturing('t3', hold, 10, false),
      placing('h2', 'bank:a', 30),
      updating('void', 'h2', 'bank:a'),
      placing('h3', 'bank:a', 31),
    ]);
  });

  it('are read with their events and captures', async () => {
    const books = await readBooks(address(), client, 'bank:', ACCOUNTS);
    const state = { status: 'OPEN', amount: 30, captured: 10, revision: 2 };
    expect(books.holds).toMatchObject([
      { holdId: 'h1', refusal: null, content: { account: 'bank:a', destination: null, amount: 30 }, hold: state },
      { holdId: 'h2', refusal: null, hold: { status: 'VOIDED', revision: 2 } },
      { holdId: 'h3', refusal: 'insufficient_funds', hold: null },
    ]);
    expect(books.holdEvents?.map(({ kind, version, held }) => [kind, version, held])).toEqual([
      ['PLACED', 3, 30],
      ['PLACED', 5, 50],
      ['VOIDED', 6, 20],
    ]);
    expect(books.transfers.find(({ transactionId }) => transactionId === 't3')).toMatchObject({
      content: { amount: 10, capture: { holdId: 'h1', amount: 10, destination: 'bank:b', final: false } },
      hold: { hold: state, held: 20, heldChange: -10 },
    });
    expect(await kinds()).toEqual([]);
  });

  it('are sound even if an earlier build placed them', async () => {
    await placeByEvents(test.database, ['h1']);
    const { holdEvents } = await readBooks(address(), client, 'bank:', ACCOUNTS);
    expect(holdEvents?.map(({ holdId, kind }) => [holdId, kind]).sort()).toEqual([
      ['h1', 'PLACED'],
      ['h2', 'PLACED'],
      ['h2', 'VOIDED'],
    ]);
    expect(await kinds()).toEqual([]);
  });

  it.each([
    [
      'the held amount of an account is not the sum of its holds',
      "UPDATE accounts SET held = 1 WHERE account_id = 'bank:a'",
      'held',
    ],
    ['the state of a hold differs from its last event', "UPDATE holds SET captured = 11 WHERE hold_id = 'h1'", 'hold'],
    ['an event is missing', "DELETE FROM hold_events WHERE hold_id = 'h2' AND revision = 2", 'held'],
    ['a placing is missing', "UPDATE holds SET placed_version = NULL WHERE hold_id = 'h1'", 'gap'],
  ])('are wrong if %s', async (_what, sql, expected) => {
    await test.database.rows(sql);
    expect(await kinds()).toContain(expected);
  });
});
