import { afterEach, beforeEach, expect, it } from 'vitest';
import { handedOverPage, PAGE_LIMITS } from './recovery-reader.ts';
import { except, RecoveryBench } from './testing/recovery-bench.ts';

let bench: RecoveryBench;
beforeEach(async () => {
  bench = await RecoveryBench.start();
  await bench.begin();
});
afterEach(() => bench.db.drop());

it.each([
  ['this release', null],
  ['an older release, which did not record the sizes of entries,', 'UPDATE drained_entries SET payload_bytes = NULL'],
])('entries handed over by a pod of %s are read in pages of limited size', async (_who, change) => {
  const journal = await bench.journal(
    ['t1', 'world', 'ada'],
    ['t2', 'world', 'ada'],
    ['t3', 'world', 'ada'],
    ['t4', 'world', 'ada'],
  );
  await bench.handOver('pod', except(journal, 1), [], 4);
  if (change) await bench.db.database.rows(change);
  const bytesMax = Buffer.byteLength(journal[1]?.payload ?? '') * 2;
  const page = (after: number, limits: object) =>
    handedOverPage(bench.db.database, 1, after, { ...PAGE_LIMITS, ...limits });
  expect(await page(0, { bytesMax })).toEqual({ entries: journal.slice(1, 3), lastSeq: 3 });
  expect(await page(3, { bytesMax })).toEqual({ entries: journal.slice(3), lastSeq: 4 });
  expect(await page(0, { bytesMax: 1 })).toMatchObject({ lastSeq: 2 });
  expect(await page(0, {})).toMatchObject({ lastSeq: 4 });
});
