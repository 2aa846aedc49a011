import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AccountBatch } from '../accounts/account-schema.ts';
import { BalanceQuery } from '../balances/balance-schema.ts';
import { parseJson } from '../http/json-body.ts';
import { parseQuery } from '../http/query.ts';
import { validate } from '../http/route.ts';
import { PostingsQuery } from '../postings/posting-query.ts';
import { ApiUnderTest } from '../testing/api-under-test.ts';
import { TransferBatch } from '../transfers/batch-schema.ts';
import { TransferRequest } from '../transfers/transfer-schema.ts';

/**
 * No request may block the event loop for longer than 20 ms, whatever its shape. The test measures the CPU time of this
 * process instead of elapsed time, so that a busy machine hardly affects the result. The compiler and the garbage
 * collector run at the same time, so the smallest of several measurements counts. Coverage and a crowded machine slow
 * down every loop: the limit is scaled by the cost of a plain pass over the largest body on this machine.
 */
const REPEATS = 6;
const LARGEST_BODY = 2 * 1024 * 1024;
const SINGLE_BODY = 64 * 1024;

/** @param enoughMs stop measuring once a measurement is at most this */
function cpuMs(work: () => unknown, enoughMs = 5): number {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < REPEATS && least > enoughMs; i++) {
    const before = process.cpuUsage();
    try {
      work();
    } catch {
      // For this test, a rejection is as good as a success.
    }
    const { user, system } = process.cpuUsage(before);
    least = Math.min(least, (user + system) / 1000);
  }
  return least;
}

const largest = Buffer.alloc(LARGEST_BODY, 'x');
/** What one pass over the largest body costs without coverage on an unloaded machine, ms. */
const PASS_MS = 3;
function pass(): number {
  let found = 0;
  for (let i = 0; i < largest.length; i++) if (largest[i] === 34) found += 1;
  return found;
}
const CPU_MS_MAX = 20 * Math.max(1, cpuMs(pass, 0) / PASS_MS);

const repeated = (text: string, length: number) => text.repeat(Math.ceil(length / text.length)).slice(0, length);
const members = (count: number, name: (i: number) => string) =>
  `{${Array.from({ length: count }, (_, i) => `"${name(i)}":1`).join()}}`;
const transfer = (i: number) => ({
  transactionId: `id-${i}`,
  sourceAccount: 'a',
  destinationAccount: 'b',
  amount: '0.01',
  currency: 'EUR',
  timestamp: '2026-01-31T12:00:00.000Z',
  reference: 'r'.repeat(140),
  metadata: Object.fromEntries(Array.from({ length: 16 }, (_, k) => [`key${k}`, 'v'.repeat(70)])),
});
const wholeBatch = JSON.stringify({ transfers: Array.from({ length: 1000 }, (_, i) => transfer(i)) });

/** Bodies that were expensive to process, or could be. */
const SHAPES: Record<string, string> = {
  'metadata with 150,000 keys': `{"metadata":${members(150_000, (i) => `k${i}`)}}`,
  '180,000 unknown members': members(180_000, (i) => `${i}`),
  'a list of 700,000 empty objects': `[${repeated('{},', LARGEST_BODY - 4)}{}]`,
  'a list of a million numbers': `[${repeated('1,', LARGEST_BODY - 4)}1]`,
  '100,000 objects of different shapes': `[${Array.from({ length: 100_000 }, (_, i) => `{"a${i}":1}`).join()}]`,
  'lists nested a million deep': `${'['.repeat(LARGEST_BODY / 2)}${']'.repeat(LARGEST_BODY / 2)}`,
  'objects nested 300,000 deep': `${'{"a":'.repeat(300_000)}1${'}'.repeat(300_000)}`,
  'nothing but colons': repeated(':', LARGEST_BODY),
  'nothing but quotes': repeated('"', LARGEST_BODY),
  'nothing but backslashes in a string': `"${repeated('\\\\', LARGEST_BODY - 2)}"`,
  'a string of escapes': `{"reference":"${repeated('\\u0041', LARGEST_BODY - 20)}"}`,
  'a number of two million digits': repeated('7', LARGEST_BODY),
  blanks: repeated(' ', LARGEST_BODY),
  '60,000 invalid ids': JSON.stringify({ accountIds: Array.from({ length: 60_000 }, () => '!') }),
  '1000 invalid ids': JSON.stringify({ accountIds: Array.from({ length: 1000 }, () => '!') }),
  'as many parts as are allowed': JSON.stringify({
    transfers: Array.from({ length: 1000 }, () =>
      Object.fromEntries(Array.from({ length: 30 }, (_, k) => [`k${k}`, 1])),
    ),
  }),
  'a whole batch': wholeBatch,
};

const schemas = [TransferRequest, TransferBatch.envelope, AccountBatch.envelope, BalanceQuery];

/** Processes a body as a request does in its first turn; the items of a batch are then checked fifty per turn. */
function take(text: string): void {
  const value = parseJson(Buffer.from(text));
  for (const schema of schemas) {
    try {
      validate(schema, value);
    } catch {
      // The next schema.
    }
  }
}

describe('the event loop', () => {
  it.each(Object.entries(SHAPES))('is not blocked by %s', (_, text) => {
    expect(cpuMs(() => take(text.slice(0, LARGEST_BODY)))).toBeLessThan(CPU_MS_MAX);
  });

  it('is not blocked by a small body of any shape', () => {
    const { json } = fc.letrec<{ json: string }>((tie) => ({
      json: fc.oneof(
        { depthSize: 'small', withCrossShrink: true },
        fc.json(),
        fc
          .tuple(
            fc.constantFrom('{"a":', '[', '{"metadata":', '{"transfers":['),
            tie('json'),
            fc.constantFrom('}', ']', ']}'),
          )
          .map((parts) => parts.join('')),
        fc
          .tuple(tie('json'), fc.nat({ max: 2_000 }))
          .map(([piece, times]) => `[${`${piece.slice(0, 1_000)},`.repeat(times).slice(0, SINGLE_BODY)}`),
        fc.nat({ max: 8_000 }).map((count) => members(count, (i) => `k${i}`)),
      ),
    }));
    fc.assert(
      fc.property(json, (text) => {
        expect(cpuMs(() => take(text.slice(0, SINGLE_BODY)))).toBeLessThan(CPU_MS_MAX);
      }),
      { numRuns: 150 },
    );
  });

  it('is not blocked by fifty items of a batch, valid or not', () => {
    const items = [{}, transfer(1), 'x', null, Object.fromEntries(Array.from({ length: 64 }, (_, k) => [`k${k}`, 1]))];
    for (const item of items) {
      const work = () => {
        for (let i = 0; i < 50; i++) {
          try {
            validate(TransferBatch.item, item);
          } catch {
            // The next item.
          }
        }
      };
      expect(cpuMs(work)).toBeLessThan(CPU_MS_MAX);
    }
  });

  it.each([
    ['one name, repeated', 'a&'.repeat(7_600)],
    ['thousands of names', Array.from({ length: 3_000 }, (_, i) => `n${i}=1`).join('&')],
    ['percent signs', '%'.repeat(16_000)],
    ['encoded bytes', '%61'.repeat(5_000)],
    ['equal signs', '='.repeat(16_000)],
  ])('is not blocked by a query of %s', (_, query) => {
    expect(cpuMs(() => validate(PostingsQuery, parseQuery(query)))).toBeLessThan(CPU_MS_MAX / 4);
  });
});

describe('a whole batch', () => {
  let api: ApiUnderTest;
  beforeAll(async () => {
    api = await ApiUnderTest.start({ limits: { ...LIMITS } });
    api.ledger.open('a', { balance: 1_000_000 });
    api.ledger.open('b');
  });
  afterAll(() => api.stop());

  it('is checked over many turns, and other requests are served in between', async () => {
    let turns = 0;
    const endOfTurn = api.clock.endOfTurn;
    api.clock.endOfTurn = (action) => {
      turns += 1;
      endOfTurn(action);
    };
    const { json } = await api.request('POST', '/v1/transfers/batch', { raw: wholeBatch });
    expect(json['results']).toHaveLength(1000);
    expect(turns).toBe(19);
  });
});

const LIMITS = {
  bodyBytesMax: LARGEST_BODY,
  requestsInFlightMax: 100,
  requestsInFlightBusyMax: 100,
  connectionsMax: 100,
  connectionAgeMaxMs: null,
  requestsPerSecondPerUserMax: null,
};
