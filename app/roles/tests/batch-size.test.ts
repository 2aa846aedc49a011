import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiUnderTest } from '../../api/testing/api-under-test.ts';
import { SETTINGS } from '../../config/config-settings.ts';

const BODY_BYTES_MAX = SETTINGS.http.bodyBytesMax.fallback ?? 0;
const SINGLE_BODY_BYTES_MAX = 64 * 1024;

let api: ApiUnderTest;
beforeAll(async () => {
  api = await ApiUnderTest.start();
  await api.stop();
  api = await ApiUnderTest.start({ limits: { ...api.deps.limits, bodyBytesMax: BODY_BYTES_MAX } });
  for (const letter of ['a', 'b']) api.ledger.open(letter.repeat(64), { external: true });
});
afterAll(() => api.stop());

/** This character takes three bytes in UTF-8, and six as `\uXXXX`; no character takes more per unit of length. */
const WIDE = '山';

/** A transfer with every field except its metadata at its maximum length. */
const longest = (metadata: object, i = 0) => ({
  transactionId: String(i).padStart(64, 't'),
  sourceAccount: 'a'.repeat(64),
  destinationAccount: 'b'.repeat(64),
  amount: '0.01',
  currency: 'EUR',
  timestamp: '2026-01-31T12:00:00.000000000+00:00',
  reference: WIDE.repeat(140),
  metadata,
  durability: 'persisted',
});
const fullMetadata = (character: string) =>
  Object.fromEntries(Array.from({ length: 16 }, (_, i) => [String(i).padStart(64, 'k'), character.repeat(256)]));
const batchOf = (items: number, metadata: object) => ({
  transfers: Array.from({ length: items }, (_, i) => longest(metadata, i)),
});
const escaped = (value: object) => JSON.stringify(value).replaceAll(WIDE, '\\u5c71');
const bytesOf = (text: string) => Buffer.byteLength(text);

/** The limits documented in docs/api.md. */
describe('A batch of transfers', () => {
  it('may contain a thousand transfers with 1,250 bytes of metadata each', async () => {
    const metadata = Object.fromEntries(['k1', 'k2', 'k3', 'k4', 'k5'].map((key) => [key, 'v'.repeat(240)]));
    metadata['k5'] += 'v'.repeat(1250 - bytesOf(JSON.stringify(metadata)));
    expect(bytesOf(JSON.stringify(metadata))).toBe(1250);
    const { status, json } = await api.post('/v1/transfers/batch', batchOf(1000, metadata));
    expect(status).toBe(200);
    expect(new Set((json['results'] as { status: number }[]).map((item) => item.status))).toEqual(new Set([201]));
  });
  it.each([
    [340, JSON.stringify(batchOf(340, fullMetadata('v')))],
    [140, JSON.stringify(batchOf(140, fullMetadata(WIDE)))],
    [75, escaped(batchOf(75, fullMetadata(WIDE)))],
  ])('may contain %i transfers with the largest metadata', (_items, text) => {
    expect(bytesOf(text)).toBeLessThanOrEqual(BODY_BYTES_MAX);
  });
  it('is rejected as a whole if it is longer, with a problem that contains the limit', async () => {
    const before = api.ledger.applied.length;
    expect(await api.post('/v1/transfers/batch', batchOf(1000, fullMetadata('v')))).toMatchObject({
      status: 413,
      json: { code: 'payload_too_large', detail: expect.stringContaining(`at most ${BODY_BYTES_MAX} bytes`) },
    });
    expect(api.ledger.applied).toHaveLength(before);
  });
});

describe('A single transfer', () => {
  it('fits with every field at its maximum, however it is escaped', async () => {
    const text = escaped(longest(fullMetadata(WIDE), 5000));
    expect(bytesOf(text)).toBeLessThan(SINGLE_BODY_BYTES_MAX / 2);
    expect(await api.request('POST', '/v1/transfers', { raw: text })).toMatchObject({ status: 201 });
  });
});
