import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { keyOf } from '../authority/received.ts';
import { ACCOUNTS, anyHistory, live } from '../authority/testing/drained-history.ts';
import { batchOf } from '../sync/batch.ts';
import { LedgerReader } from './ledger-reader.ts';
import { BY, SettlementBench } from './testing/settlement-bench.ts';

let bench: SettlementBench;
beforeAll(async () => {
  bench = await SettlementBench.start();
});
afterAll(() => bench.db.drop());

it('Any history that is flushed in part, drained, folded and settled late is in MySQL as it was lived', async () => {
  const seen = { complete: 0, partial: 0 };
  await fc.assert(
    fc.asyncProperty(anyHistory, fc.boolean(), async (history, accepted) => {
      const lived = await live(history);
      const pods = lived.pods.map((_, n) => `pod-${n}`);
      await bench.begin(pods, ACCOUNTS);
      // Entries are flushed whole.
      const flushed = batchOf(
        lived.journalEntries.filter(({ firstSeq }) => firstSeq <= lived.cursor),
        1,
        0,
      );
      await bench.flushes.commit(flushed, 1);
      const closing = await bench.closing();
      for (const [n, { entries, inDoubt, observed }] of lived.pods.entries())
        await bench.drain(`pod-${n}`, entries, inDoubt, observed);
      const settled = await bench.settlement.settleByFold(closing, BY);
      if (!settled || !('authority' in settled) || settled.fold.kind !== 'settled')
        throw new Error(`all pods have drained, and ${JSON.stringify(settled)}`);
      const { authority, fold } = settled;
      const end = lived.journal.length;
      if (authority.cacheEpoch === null) {
        seen.complete += 1;
        await expectBooks(lived, (seq) => seq <= Math.max(fold.bound, flushed.lastSeq));
      } else if (accepted) {
        const applied = new Set([...fold.outcomes, ...fold.changes].map(({ seq }) => seq));
        await bench.settlement.acceptLoss(authority, BY);
        await expectBooks(lived, (seq) => seq <= flushed.lastSeq || applied.has(seq));
      } else {
        seen.partial += 1;
        await bench.settlement.settleLate(authority, lived.journalEntries, end, BY);
        await expectBooks(lived, () => true);
      }
      expect([await bench.frozenAccounts(), await bench.unsettledIds()]).toEqual([[], []]);
    }),
    { numRuns: 60 },
  );
  expect(seen.complete).toBeGreaterThan(5);
  expect(seen.partial).toBeGreaterThan(5);
});

async function expectBooks(lived: Awaited<ReturnType<typeof live>>, there: (seq: number) => boolean): Promise<void> {
  const { transfers = [], account_changes: changes = [] } = await bench.everything();
  const ids = [
    ...transfers.map((row) => `t:${(row as { transaction_id: string }).transaction_id}`),
    ...changes.map((row) => `c:${(row as { change_id: string }).change_id}`),
  ];
  expect(ids.sort()).toEqual(
    lived.journal
      .filter(({ seq }) => there(seq))
      .map(keyOf)
      .sort(),
  );
  const { accounts } = await new LedgerReader(bench.db.database).loadAccounts(
    ACCOUNTS.map(({ accountId }) => accountId),
  );
  expect(accounts).toEqual(lived.accountsAt(({ seq }) => there(seq)));
}
