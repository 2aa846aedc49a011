import { createHash } from 'node:crypto';
import { brotliCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pagesOf, ROW_BYTES_MAX } from './line-pages.ts';
import {
  type ChainFault,
  chained,
  contentsOf,
  EMPTY_LOG_HASH,
  type LogHead,
  openedRow,
  type StoredRow,
  verifyRows,
} from './sealed-rows.ts';

const EMPTY: LogHead = { position: 0, hash: EMPTY_LOG_HASH, sealedAt: 0 };
const FROM = { epoch: 2, firstSeq: 1, lastSeq: 9 };
const line = (id: string) => `["l",1,"x","${id}","D"]`;

/** A log with one row for each list of lines. */
async function logOf(...transactions: string[][]): Promise<StoredRow[]> {
  const rows: StoredRow[] = [];
  let [head, now] = [EMPTY, 1000];
  for (const lines of transactions) {
    for (const content of contentsOf(pagesOf(lines), FROM)) {
      const row = chained(content, head, now);
      rows.push(row);
      head = row;
    }
    now += 10;
  }
  return rows;
}

const threeRows = () => logOf([line('a')], [line('b'), line('c')], [line('d')]);

describe('The rows of the log', () => {
  it('contain the lines in order, however they are divided', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat({ max: 300_000 }), { minLength: 1, maxLength: 12 }), async (sizes) => {
        const ids = sizes.map((size, index) => `${index}-${'x'.repeat(size)}`);
        const rows = await logOf(ids.map(line));
        const opened = await Promise.all(rows.map(openedRow));
        const found = opened.flatMap(({ entries }) => entries.map((entry) => ('id' in entry ? entry.id : null)));
        expect(found).toEqual(ids);
        expect(rows.map(({ entries }) => entries)).toEqual(opened.map(({ entries }) => entries.length));
        for (const { bytes } of rows) expect(bytes).toBeLessThanOrEqual(ROW_BYTES_MAX);
        expect(await verifyRows(EMPTY, rows)).toMatchObject({ head: { position: rows.length } });
      }),
      { numRuns: 20 },
    );
  });

  it('have times that never decrease, even if the clock of MySQL does', async () => {
    const [content] = contentsOf(pagesOf([line('a')]), FROM);
    if (!content) throw new Error('no row');
    expect(chained(content, { ...EMPTY, sealedAt: 5000 }, 1000).sealedAt).toBe(5000);
  });

  // The hash must never change: it is what an auditor recomputes.
  it('have hashes that follow the documented formula', async () => {
    const [first, second] = await logOf([line('a')], [line('b')]);
    expect(first?.previousHash).toBe(EMPTY_LOG_HASH);
    expect(second?.previousHash).toBe(first?.hash);
    const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
    const columns = [1, FROM.epoch, FROM.firstSeq, FROM.lastSeq, 1, line('a').length, 1000];
    const hashed = ['holdfast-log', 1, '0'.repeat(64), ...columns, sha256(line('a'))];
    expect(first?.hash).toBe(sha256(JSON.stringify(hashed)));
  });

  it('are verified in pages', async () => {
    const rows = await threeRows();
    const first = await verifyRows(EMPTY, rows.slice(0, 2));
    if (!('head' in first)) throw new Error(JSON.stringify(first));
    expect(await verifyRows(first.head, rows.slice(2))).toEqual({
      head: { position: 3, hash: rows[2]?.hash, sealedAt: rows[2]?.sealedAt },
    });
  });

  const recompressed = (...lines: string[]) => brotliCompressSync(Buffer.from(lines.join('\n')));
  const changing = (change: (row: StoredRow) => Partial<StoredRow>) => (rows: StoredRow[]) =>
    rows.map((row, index) => (index === 1 ? { ...row, ...change(row) } : row));
  const second = (problem: ChainFault['problem']): ChainFault => ({ position: 2, problem });

  it.each<[string, (rows: StoredRow[]) => StoredRow[], ChainFault]>([
    ['a deleted row', ([a, , c]) => [a, c] as StoredRow[], second('missing')],
    ['a row that appears twice', ([a, b, c]) => [a, b, b, c] as StoredRow[], second('order')],
    ['an exchanged order', ([a, b, c]) => [a, c, b] as StoredRow[], second('missing')],
    ['an exchanged content', changing(() => ({ payload: recompressed(line('b'), line('C')) })), second('hash')],
    ['a removed entry', changing(() => ({ payload: recompressed(line('b')) })), second('payload')],
    ['an added entry', changing(() => ({ payload: recompressed(line('b'), line('c'), line('x')) })), second('payload')],
    ['an unreadable payload', changing(({ payload }) => ({ payload: payload.subarray(3) })), second('payload')],
    ['another size', changing(({ bytes }) => ({ bytes: bytes + 1 })), second('payload')],
    ['a different number of entries', changing(() => ({ entries: 3 })), second('hash')],
    ['another epoch', changing(() => ({ epoch: 3 })), second('hash')],
    ['another first seq', changing(() => ({ firstSeq: 2 })), second('hash')],
    ['another last seq', changing(() => ({ lastSeq: 8 })), second('hash')],
    ['a later time', changing(({ sealedAt }) => ({ sealedAt: sealedAt + 1 })), second('hash')],
    ['an earlier time', changing(() => ({ sealedAt: 1 })), second('time')],
    ['another previous hash', changing(() => ({ previousHash: 'f'.repeat(64) })), second('previous_hash')],
    ['another format', changing(() => ({ format: 2 })), second('payload')],
    ['another hash', changing(() => ({ hash: 'f'.repeat(64) })), second('hash')],
  ])('reveal %s', async (_, change, fault) => {
    const rows = await threeRows();
    expect(await verifyRows(EMPTY, rows)).toHaveProperty('head');
    expect(await verifyRows(EMPTY, change(rows))).toEqual(fault);
  });

  it('reveal, at the next row, that the hash of a row was recomputed', async () => {
    const rows = await threeRows();
    const [a, , c] = rows;
    const [content] = contentsOf(pagesOf([line('forged')]), FROM);
    if (!a || !c || !content) throw new Error('three rows expected');
    const forged = chained(content, a, 1010);
    expect(await verifyRows(EMPTY, [a, forged, c])).toEqual({ position: 3, problem: 'previous_hash' });
  });
});
