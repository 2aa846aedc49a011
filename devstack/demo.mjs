/** Opens the demo accounts over HTTP, like any client. Repeating this changes nothing. */

import { messageOf } from './system/console.mjs';
import { pause } from './system/process.mjs';

const TRY_MS_MAX = 10_000;
const RETRY_MS = 250;

const WORLD = 'world';
export const ALICE = 'demo-alice';
const BOB = 'demo-bob';

/** @type {readonly { path: string, body: Record<string, unknown> }[]} */
const REQUESTS = [
  { path: '/v1/accounts', body: { accountId: WORLD, currency: 'EUR', name: 'The world outside', external: true } },
  { path: '/v1/accounts', body: { accountId: ALICE, currency: 'EUR', name: 'Alice' } },
  { path: '/v1/accounts', body: { accountId: BOB, currency: 'EUR', name: 'Bob' } },
  {
    path: '/v1/transfers',
    body: {
      transactionId: '019b7650-2c00-7000-8000-000000000001',
      sourceAccount: WORLD,
      destinationAccount: ALICE,
      amount: '1000.00',
      currency: 'EUR',
    },
  },
  {
    // A transfer for users of /docs to look up and to reverse. Its source is the outside world,
    // because Alice may have no money left.
    path: '/v1/transfers',
    body: {
      transactionId: '019b7650-2c00-7000-8000-000000000002',
      sourceAccount: WORLD,
      destinationAccount: BOB,
      amount: '25.00',
      currency: 'EUR',
    },
  },
  {
    // A group for users of /docs to look up.
    path: '/v1/transfers/group',
    body: {
      groupId: '019b7650-2c00-7000-8000-000000000003',
      transfers: [
        { sourceAccount: WORLD, destinationAccount: ALICE, amount: '3.00', currency: 'EUR' },
        { sourceAccount: ALICE, destinationAccount: BOB, amount: '2.00', currency: 'EUR' },
      ],
    },
  },
  {
    // A batch for users of /docs to look up, with a transfer that fails.
    path: '/v1/transfers/batch',
    body: {
      batchId: 'demo-batch',
      transfers: [
        { last: '7', destinationAccount: BOB },
        { last: '8', destinationAccount: 'demo-nobody' },
      ].map(({ last, destinationAccount }) => ({
        transactionId: `019b7650-2c00-7000-8000-00000000000${last}`,
        ...{ sourceAccount: WORLD, destinationAccount, amount: '5.00', currency: 'EUR' },
      })),
    },
  },
  // Holds for users of /docs: one to read and change, one to capture, and one to void.
  ...['4', '5', '6'].map((last) => ({
    path: '/v1/holds',
    body: {
      holdId: `019b7650-2c00-7000-8000-00000000000${last}`,
      account: ALICE,
      destinationAccount: BOB,
      amount: '20.00',
      currency: 'EUR',
    },
  })),
  // Keys for users of /docs: one to read and rotate, and one to revoke. Nobody has their secrets.
  ...['7', '8'].map((last) => ({
    path: '/v1/ops/keys',
    body: {
      keyId: `019b7650-2c00-7000-8000-00000000000${last}`,
      user: 'demo',
      name: 'An example for /docs',
      scopes: ['balances:read'],
      accountPrefixes: ['demo-'],
    },
  })),
  // Webhooks for users of /docs: one to use, and one to delete. No account has this id, so nothing is sent.
  ...['9', 'a'].map((last) => ({
    path: '/v1/webhooks',
    body: {
      webhookId: `019b7650-2c00-7000-8000-00000000000${last}`,
      url: 'https://hooks.example/holdfast',
      description: 'An example for /docs',
      accounts: ['demo-nobody'],
      after: 'oldest',
    },
  })),
];

/**
 * @param {string} api
 * @param {string} apiKey
 * @param {AbortSignal} signal
 * @returns {Promise<string | null>} an error message for the user; null if all accounts exist
 */
export async function openDemoAccounts(api, apiKey, signal) {
  for (const { path, body } of REQUESTS) {
    const fault = await post(`${api}${path}`, apiKey, body, signal);
    if (fault !== null) return `POST ${path} ${JSON.stringify(body)}: ${fault}`;
  }
  return null;
}

/**
 * Repeats a request until there is a definite answer. All of these requests may be retried.
 * @param {string} url
 * @param {string} apiKey
 * @param {Record<string, unknown>} body
 * @param {AbortSignal} signal
 * @returns {Promise<string | null>}
 */
async function post(url, apiKey, body, signal) {
  const giveUpAt = performance.now() + TRY_MS_MAX;
  for (;;) {
    let fault;
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
        signal: AbortSignal.any([signal, AbortSignal.timeout(TRY_MS_MAX)]),
      });
      const text = await response.text();
      if (response.ok) return null;
      // In a ledger of an older release, groups and holds are not active until an operator moves it to rule format 2. Until then,
      // these examples are omitted. With several shards, they are omitted if their accounts are in different shards.
      if (/feature_not_active|group_spans_shards|hold_spans_shards|webhooks_disabled/.test(text)) return null;
      fault = `${response.status} ${text}`;
      if (response.status < 500 && response.status !== 429) return fault;
    } catch (error) {
      fault = messageOf(error);
    }
    signal.throwIfAborted();
    if (performance.now() > giveUpAt) return fault;
    await pause(RETRY_MS);
  }
}
