import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TransferPending } from '../../domain/crossing.ts';
import { SCOPES } from '../../domain/identity.ts';
import { orderOf } from '../../domain/testing/orders.ts';
import { apiRoutes } from '../server.ts';
import { ApiUnderTest, NOW, type Reply, restrictedKey } from '../testing/api-under-test.ts';
import { webhookCases } from '../testing/webhook-cases.ts';

const KEY = restrictedKey(['mine:', 'till'], ...SCOPES);
const [OWN, OWN_2, TILL] = ['mine:a', 'mine:b', 'till'];
const [FOREIGN, FOREIGN_2] = ['theirs:a', 'mine'];
/** Only the balances of accounts that the key may not use contain these digits. */
const SECRET = /7777|8888/;
/** Generated ids may contain these digits by chance. */
const UUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

let api: ApiUnderTest;
beforeEach(async () => {
  api = await ApiUnderTest.start();
  for (const id of [OWN, OWN_2, TILL]) api.ledger.open(id, { balance: 10_000, name: 'Own name' });
  api.ledger.open(FOREIGN, { balance: 777_700, name: 'Secret name' });
  api.ledger.open(FOREIGN_2, { balance: 888_800, name: 'Secret name' });
});
afterEach(() => api.stop());

const order = (sourceAccount: string, destinationAccount: string, more: object = {}) => ({
  sourceAccount,
  destinationAccount,
  amount: '1.00',
  currency: 'EUR',
  ...more,
});
const hold = (account: string, destinationAccount: string | null, more: object = {}) => ({
  account,
  destinationAccount,
  amount: '1.00',
  currency: 'EUR',
  ...more,
});
/** Sends a request with the restricted key, or with one that may use all accounts. */
const restricted = (method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Reply> =>
  api.request(method, path, { key: KEY, ...(body !== undefined && { body }), ...(headers && { headers }) });
const anyone = (method: string, path: string, body?: unknown): Promise<Reply> =>
  api.request(method, path, body === undefined ? {} : { body });

/** Sends the requests of one route for accounts that the key may use, and for others. */
interface Case {
  /** Sends requests for accounts that the key may use. */
  own(): Promise<Reply[]>;
  /** Sends requests for other accounts, and returns the status expected for each of them. */
  foreign(): Promise<[number, Reply][]>;
}
const path = (suffix: string): Case => ({
  own: async () => [await restricted('GET', `/v1/accounts/${OWN}${suffix}`)],
  foreign: async () => [
    [403, await restricted('GET', `/v1/accounts/${FOREIGN}${suffix}`)],
    [403, await restricted('GET', `/v1/accounts/${FOREIGN_2}${suffix}`)],
    [403, await restricted('HEAD', `/v1/accounts/${FOREIGN}${suffix}`)],
    [403, await restricted('GET', `/v1/accounts/nobody${suffix}`)],
  ],
});
const change = async (id: string) => restricted('PATCH', `/v1/accounts/${id}`, { overdraftLimit: '5.00' });
const open = async (accountId: string) => restricted('POST', '/v1/accounts', { accountId, currency: 'EUR' });
const pairs = [
  [OWN, FOREIGN],
  [FOREIGN, OWN],
  [FOREIGN, FOREIGN_2],
] as const;
const forAllPairs = async (send: (source: string, destination: string) => Promise<Reply>) => {
  const replies: [number, Reply][] = [];
  for (const [source, destination] of pairs) replies.push([403, await send(source, destination)]);
  return replies;
};
const PERIOD = `from=${new Date(NOW - 9e7).toISOString()}&to=${new Date(NOW - 8e7).toISOString()}`;

const CASES: Record<string, Case> = {
  'GET /v1/caller': {
    own: async () => [await restricted('GET', '/v1/caller')],
    // It returns nothing about any account.
    foreign: async () => [],
  },
  ...webhookCases({ restricted, anyone, own: OWN, foreign: FOREIGN }),
  'POST /v1/accounts': {
    own: async () => [await open('mine:new')],
    foreign: async () => [
      [403, await open('theirs:new')],
      [403, await open(FOREIGN)],
    ],
  },
  'POST /v1/accounts/batch': {
    own: async () => [
      await restricted('POST', '/v1/accounts/batch', { accounts: [{ accountId: 'mine:new', currency: 'EUR' }] }),
    ],
    foreign: async () => {
      const accounts = ['mine:new', 'theirs:new', FOREIGN].map((accountId) => ({ accountId, currency: 'EUR' }));
      const reply = await restricted('POST', '/v1/accounts/batch', { accounts });
      expect(statusesIn(reply)).toEqual([201, 403, 403]);
      expect(api.ledger.accounts.has('theirs:new')).toBe(false);
      return [[200, reply]];
    },
  },
  'GET /v1/accounts/{id}': path(''),
  'GET /v1/accounts/{id}/limits': path('/limits'),
  'GET /v1/accounts/{id}/balance': path('/balance'),
  'GET /v1/accounts/{id}/postings': path('/postings'),
  'GET /v1/accounts/{id}/holds': path('/holds'),
  'GET /v1/accounts/{id}/statement': {
    own: async () => [await restricted('GET', `/v1/accounts/${OWN}/statement?${PERIOD}`)],
    foreign: async () => [[403, await restricted('GET', `/v1/accounts/${FOREIGN}/statement?${PERIOD}`)]],
  },
  'PATCH /v1/accounts/{id}': {
    own: async () => [await change(OWN)],
    foreign: async () => {
      const replies: [number, Reply][] = [[403, await change(FOREIGN)]];
      expect(api.ledger.accounts.get(FOREIGN)?.overdraftLimit).toBe(0);
      return replies;
    },
  },
  'POST /v1/balances/query': {
    own: async () => [await restricted('POST', '/v1/balances/query', { accountIds: [OWN, TILL, 'mine:unknown'] })],
    foreign: async () => [
      [403, await restricted('POST', '/v1/balances/query', { accountIds: [OWN, FOREIGN] })],
      [403, await restricted('POST', '/v1/balances/query', { accountIds: ['nobody'] })],
    ],
  },
  'GET /v1/transfers': {
    own: async () => {
      const outcome = { order: orderOf({ transactionId: 'x', source: OWN, destination: FOREIGN, amount: 100 }) };
      const sides = { source: { balance: 1, version: 1, settingsVersion: 1 } };
      const decided = { acceptedAt: NOW, takenAt: NOW, epoch: 1, seq: 1, replayed: true, persisted: true };
      const posted = { ...outcome, ...sides, ...decided, status: 'POSTED' as const };
      const found = { ...posted, destination: { balance: 7777, version: 8888, settingsVersion: 1 } };
      const place = { at: NOW, transactionId: 'x' };
      api.search.transferPage = { items: [{ place, outcome: found, state: 'decided' }], next: place, asOf: NOW };
      const reply = await restricted('GET', `/v1/transfers?account=${OWN}&counterparty=${FOREIGN}`);
      expect(reply.json['items']).toMatchObject([{ sourceVersion: 1, destinationAccount: FOREIGN }]);
      expect(api.search.transferQuery).toMatchObject({ isRestricted: true });
      return [reply];
    },
    foreign: async () => [
      [400, await restricted('GET', '/v1/transfers')],
      [400, await restricted('GET', `/v1/transfers?counterparty=${OWN}`)],
      [403, await restricted('GET', `/v1/transfers?account=${FOREIGN}`)],
      [403, await restricted('GET', `/v1/transfers?account=${FOREIGN}&counterparty=${OWN}`)],
    ],
  },
  'GET /v1/accounts': {
    own: async () => [await restricted('GET', '/v1/accounts'), await restricted('GET', '/v1/accounts?prefix=mine:a')],
    foreign: async () => {
      const prefixesFor = async (prefix: string) => {
        const reply = await restricted('GET', `/v1/accounts${prefix}`);
        return [reply, api.search.accountQuery?.prefixes] as const;
      };
      const replies: [number, Reply][] = [];
      for (const [query, prefixes] of [
        ['', ['mine:', 'till']],
        ['?prefix=m', ['mine:']],
        ['?prefix=mine', ['mine:']],
        ['?prefix=mine:a', ['mine:a']],
        ['?prefix=theirs', []],
        ['?prefix=tills', ['tills']],
      ] as const) {
        const [reply, asked] = await prefixesFor(query);
        expect(asked).toEqual(prefixes);
        replies.push([200, reply]);
      }
      return replies;
    },
  },
  'POST /v1/transfers': {
    own: async () => [await restricted('POST', '/v1/transfers', order(OWN, TILL))],
    foreign: async () => [
      ...(await forAllPairs((source, destination) => restricted('POST', '/v1/transfers', order(source, destination)))),
      ...(await forAllPairs((source, destination) =>
        restricted('POST', '/v1/transfers', order(source, destination, { dryRun: true })),
      )),
    ],
  },
  'POST /v1/transfers/batch': {
    own: async () => [await restricted('POST', '/v1/transfers/batch', { transfers: [order(OWN, OWN_2)] })],
    foreign: async () => {
      const transfers = [order(OWN, OWN_2), ...pairs.map(([source, destination]) => order(source, destination))];
      const reply = await restricted('POST', '/v1/transfers/batch', { transfers });
      expect(statusesIn(reply)).toEqual([201, 403, 403, 403]);
      return [[200, reply]];
    },
  },
  'GET /v1/transfers/{transactionId}': {
    own: async () => {
      await restricted('POST', '/v1/transfers', order(OWN, OWN_2, { transactionId: 'own' }));
      await anyone('POST', '/v1/transfers', order(OWN, FOREIGN, { transactionId: 'out' }));
      await anyone('POST', '/v1/transfers', order(FOREIGN, OWN, { transactionId: 'in' }));
      const read = (id: string) => restricted('GET', `/v1/transfers/${id}`);
      const replies = [await read('own'), await read('out'), await read('in')];
      expect(replies[0]?.json).toHaveProperty('destinationVersion');
      expect(replies[1]?.json).toMatchObject({ sourceVersion: 2, destinationAccount: FOREIGN });
      for (const name of ['destinationBalance', 'destinationVersion'])
        expect(replies[1]?.json).not.toHaveProperty(name);
      for (const name of ['sourceBalance', 'sourceVersion']) expect(replies[2]?.json).not.toHaveProperty(name);
      return replies;
    },
    foreign: async () => {
      await anyone('POST', '/v1/transfers', order(FOREIGN, FOREIGN_2, { transactionId: 'x' }));
      const reply = await restricted('GET', '/v1/transfers/x');
      expectSameAsUnknown(reply, await restricted('GET', '/v1/transfers/y'), 'x', 'y');
      return [
        [404, reply],
        [404, await restricted('GET', `/v1/transfers/x?sourceAccount=${FOREIGN}`)],
      ];
    },
  },
  'POST /v1/transfers/{transactionId}/reversal': {
    own: async () => {
      await restricted('POST', '/v1/transfers', order(OWN, OWN_2, { transactionId: 'own' }));
      return [await restricted('POST', '/v1/transfers/own/reversal')];
    },
    foreign: async () => {
      await anyone('POST', '/v1/transfers', order(FOREIGN, FOREIGN_2, { transactionId: 'x' }));
      await anyone('POST', '/v1/transfers', order(OWN, FOREIGN, { transactionId: 'out' }));
      const reply = await restricted('POST', '/v1/transfers/x/reversal');
      expectSameAsUnknown(reply, await restricted('POST', '/v1/transfers/y/reversal'), 'x', 'y');
      return [
        [404, reply],
        [403, await restricted('POST', '/v1/transfers/out/reversal')],
      ];
    },
  },
  'POST /v1/transfers/group': {
    own: async () => [
      await restricted('POST', '/v1/transfers/group', { transfers: [order(OWN, OWN_2), order(OWN_2, TILL)] }),
    ],
    foreign: () =>
      forAllPairs((source, destination) =>
        restricted('POST', '/v1/transfers/group', { transfers: [order(OWN, OWN_2), order(source, destination)] }),
      ),
  },
  'POST /v1/transfers/split': {
    own: async () => [await split(OWN, OWN_2, TILL)],
    foreign: async () => [
      [403, await split(FOREIGN, OWN)],
      [403, await split(OWN, OWN_2, FOREIGN)],
      [403, await split(OWN, OWN_2, FOREIGN, '1.00')],
    ],
  },
  'GET /v1/transfers/group/{groupId}': {
    own: async () => {
      const transfers = [order(OWN, OWN_2), order(OWN_2, TILL)];
      await restricted('POST', '/v1/transfers/group', { groupId: 'g', transfers });
      return [await restricted('GET', '/v1/transfers/group/g')];
    },
    foreign: async () => {
      const transfers = [order(OWN, OWN_2), order(OWN_2, FOREIGN)];
      await anyone('POST', '/v1/transfers/group', { groupId: 'x', transfers });
      const reply = await restricted('GET', '/v1/transfers/group/x');
      expectSameAsUnknown(reply, await restricted('GET', '/v1/transfers/group/y'), 'x', 'y');
      for (const account of [OWN, FOREIGN]) {
        const read = (id: string) => restricted('GET', `/v1/transfers/group/${id}?account=${account}`);
        expectSameAsUnknown(await read('x'), await read('y'), 'x', 'y');
      }
      return [[404, reply]];
    },
  },
  'POST /v1/holds': {
    own: async () => [
      await restricted('POST', '/v1/holds', hold(OWN, TILL)),
      await restricted('POST', '/v1/holds', hold(OWN, null)),
    ],
    foreign: async () => [
      ...(await forAllPairs((account, destination) => restricted('POST', '/v1/holds', hold(account, destination)))),
      [403, await restricted('POST', '/v1/holds', hold(FOREIGN, null, { dryRun: true }))],
    ],
  },
  'GET /v1/holds/{holdId}': ofHold((id) => restricted('GET', `/v1/holds/${id}`)),
  'POST /v1/holds/{holdId}/void': ofHold((id) => restricted('POST', pathOf(id, '/void'))),
  'PATCH /v1/holds/{holdId}': ofHold((id) =>
    restricted('PATCH', `/v1/holds/${id}`, { amount: '2.00' }, { 'If-Match': '*' }),
  ),
  'POST /v1/holds/{holdId}/capture': {
    ...ofHold((id) => restricted('POST', pathOf(id, '/capture'))),
    foreign: async () => {
      const capture = (id: string, body?: object) => restricted('POST', `/v1/holds/${id}/capture`, body);
      await anyone('POST', '/v1/holds', hold(FOREIGN, OWN, { holdId: 'x' }));
      await anyone('POST', '/v1/holds', hold(OWN, FOREIGN, { holdId: 'out' }));
      await restricted('POST', '/v1/holds', hold(OWN, null, { holdId: 'free' }));
      return [
        [404, await capture('x')],
        [403, await capture('out')],
        [403, await capture('free', { destinationAccount: FOREIGN })],
        [403, await capture('free', { destinationAccount: FOREIGN, dryRun: true })],
      ];
    },
  },
};

/** Puts the rest of a path before its query. */
function pathOf(id: string, rest: string): string {
  const [holdId = '', query] = id.split('?');
  return `/v1/holds/${holdId}${rest}${query === undefined ? '' : `?${query}`}`;
}

function ofHold(send: (id: string) => Promise<Reply>): Case {
  return {
    own: async () => {
      await restricted('POST', '/v1/holds', hold(OWN, TILL, { holdId: 'own' }));
      return [await send('own')];
    },
    foreign: async () => {
      await anyone('POST', '/v1/holds', hold(FOREIGN, OWN, { holdId: 'x' }));
      const reply = await send('x');
      expectSameAsUnknown(reply, await send('y'), 'x', 'y');
      for (const account of [OWN, FOREIGN])
        expectSameAsUnknown(await send(`x?account=${account}`), await send(`y?account=${account}`), 'x', 'y');
      return [[404, reply]];
    },
  };
}

function split(sourceAccount: string, first: string, second?: string, rest = '0.50'): Promise<Reply> {
  const destinations = [
    { account: first, amount: second ? rest : '1.00' },
    ...(second ? [{ account: second, share: 1 }] : []),
  ];
  return restricted('POST', '/v1/transfers/split', { sourceAccount, amount: '1.00', currency: 'EUR', destinations });
}

const statusesIn = ({ json }: Reply) => (json['results'] as { status: number }[]).map(({ status }) => status);

/** Apart from the id, the reply must not differ from that for an id that does not exist. */
function expectSameAsUnknown(reply: Reply, unknown: Reply, id: string, unknownId: string): void {
  const without = ({ json }: Reply, own: string) => {
    const { correlationId: _, ...rest } = json;
    return JSON.stringify(rest).replaceAll(new RegExp(`\\b${own}\\b`, 'g'), '·');
  };
  expect(reply.status).toBe(unknown.status);
  expect(without(reply, id)).toBe(without(unknown, unknownId));
}

describe('A key that may use only some accounts', () => {
  it('is tested on every route that enforces the restriction', () => {
    const enforcing = apiRoutes(api.deps).routes.filter(({ accounts }) => accounts !== undefined);
    expect(enforcing.map((route) => `${route.method} ${route.path}`).sort()).toEqual(Object.keys(CASES).sort());
  });

  it('gets 403 from every other route that requires a scope', async () => {
    const others = apiRoutes(api.deps).routes.filter(
      ({ scopes, accounts }) => scopes.length > 0 && accounts === undefined,
    );
    expect(others.length).toBeGreaterThan(0);
    for (const { method, path: pattern } of others) {
      const reply = await restricted(method, pattern.replaceAll(/\{\w+\}/g, OWN), method === 'GET' ? undefined : {});
      expect([pattern, reply.status]).toEqual([pattern, 403]);
    }
  });

  it.each(Object.keys(CASES))('may call %s for its own accounts', async (name) => {
    for (const reply of (await CASES[name]?.own()) ?? []) {
      expect([reply.status, reply.text]).toEqual([expect.toBeOneOf([200, 201, 202, 204]), expect.any(String)]);
      expect(reply.text.replaceAll(UUID, '')).not.toMatch(SECRET);
    }
  });

  it.each(Object.keys(CASES))('gets nothing about the accounts of others from %s', async (name) => {
    for (const [status, reply] of (await CASES[name]?.foreign()) ?? []) {
      expect([reply.status, reply.text]).toEqual([status, expect.any(String)]);
      expect(reply.text.replaceAll(UUID, '')).not.toMatch(SECRET);
      expect(reply.text).not.toContain('Secret name');
    }
    expect(api.ledger.accounts.get(FOREIGN_2)?.held).toBe(0);
  });

  it('sees a transfer that is pending between two shards only if one of the accounts is its own', async () => {
    const pending = (source: string, destination: string) => {
      const order = { ...orderOf({ transactionId: 'x', source, destination, amount: 7777 }) };
      api.ledger.failures.set('outcome', new TransferPending({ order, acceptedAt: NOW }));
    };
    pending(FOREIGN, OWN);
    expect((await restricted('GET', '/v1/transfers/x')).json).toMatchObject({ status: 'PENDING', amount: '77.77' });
    pending(FOREIGN, FOREIGN_2);
    for (const [method, suffix] of [
      ['GET', ''],
      ['POST', '/reversal'],
    ] as const) {
      const reply = await restricted(method, `/v1/transfers/x${suffix}`);
      expect([reply.status, reply.json['code']]).toEqual([404, 'transfer_not_found']);
      expect(reply.text.replaceAll(UUID, '')).not.toMatch(SECRET);
    }
  });

  it('sees the counterparties of its accounts by their ids, without their names', async () => {
    const posting = {
      accountId: OWN,
      kind: 'transfer',
      hold: null,
      heldAfter: 0,
      amount: 100,
      currency: 'EUR',
    } as const;
    const plain = { reference: null, metadata: null, groupId: null, reverses: null, timestamp: null, user: 'u' };
    for (const [index, counterparty] of [OWN_2, FOREIGN].entries()) {
      const at = { acceptedAt: NOW - 8.5e7 + index, persistedAt: NOW - 8.5e7 + index, correlationId: 'c' };
      const version = index + 1;
      const more = { version, balanceAfter: version * 100, transactionId: `t${version}`, counterparty };
      api.ledger.postingList.push({ ...posting, ...plain, ...at, ...more });
    }
    const { json } = await restricted('GET', `/v1/accounts/${OWN}/postings`);
    const shown = (json['items'] as Record<string, unknown>[]).map((item) => [
      item['counterparty'],
      item['counterpartyName'],
    ]);
    expect(shown).toEqual([
      [OWN_2, 'Own name'],
      [FOREIGN, undefined],
    ]);
    for (const format of ['csv', 'camt.053']) {
      const { text } = await restricted('GET', `/v1/accounts/${OWN}/statement?format=${format}&${PERIOD}`);
      expect(text).toContain(FOREIGN);
      expect(text).not.toContain('Secret name');
    }
  });
});
