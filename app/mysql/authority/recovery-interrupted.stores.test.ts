import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Authority } from '../../domain/authority.ts';
import { attempt, BY, except, RecoveryBench } from './testing/recovery-bench.ts';

/** A page has one outcome, so that a recovery can be interrupted after any outcome. */
let bench: RecoveryBench;
beforeAll(async () => {
  bench = await RecoveryBench.start({ outcomesMax: 1, bytesMax: 1 });
});
afterAll(() => bench.db.drop());
beforeEach(() => bench.begin());

/** Recovers until the handed-over entries are posted up to a seq. */
async function recoverUpTo(seq: number, closing: Authority): Promise<void> {
  for (;;) {
    const step = await bench.recoveryStore.recoverFromHandOvers(closing, BY);
    if (!step || !('working' in step)) throw new Error(`the recovery ended too early: ${JSON.stringify(step)}`);
    const { phase, position } = step.working;
    if (phase === 'done' || (phase === 'posting' && position >= seq)) return;
  }
}

describe('a recovery from handed-over entries', () => {
  it.each([
    { posted: 2, read: 2 },
    { posted: 3, read: 2 },
    { posted: 3, read: 3 },
    { posted: 3, read: 5 },
    { posted: 5, read: 3 },
    { posted: 6, read: 2 },
  ])(
    'has posted up to $posted when its Redis returns, and continues when Redis is lost again at $read',
    async ({ posted, read }) => {
      const journal = await bench.journal(
        ['t1', 'world', 'ada', 500],
        ['t2', 'bob', 'cy', 7],
        ['t3', 'world', 'ada', 50],
        ['t4', 'ada', 'world', 20],
        ['t5', 'cy', 'bob', 3],
        ['t6', 'world', 'ada', 1],
      );
      const closing = await bench.closing();
      await bench.handOver('pod', except(journal, 2), [attempt('t2', 'bob', 'cy')], 6);
      await recoverUpTo(posted, closing);
      expect(await bench.flushes.cursor()).toMatchObject({ seq: 1 });
      const page = journal.filter(({ firstSeq }) => firstSeq > 1 && firstSeq <= read);
      await bench.recoveryStore.postJournal(closing, page, 6);
      expect(await bench.flushes.cursor()).toMatchObject({ seq: read });

      expect(await bench.recover(closing)).toMatchObject({ authority: { mode: 'DIRECT', cacheEpoch: null } });
      expect(await bench.flushes.cursor()).toMatchObject({ seq: 6 });
      expect(await bench.transfers()).toEqual(['t1', 't2', 't3', 't4', 't5', 't6']);
      expect((await bench.everything())['accounts']).toMatchObject([
        { account_id: 'ada', balance: 531, version: 4 },
        { account_id: 'bob', balance: -4, version: 2 },
        { account_id: 'cy', balance: 4, version: 2 },
        { account_id: 'world', balance: -531, version: 4 },
      ]);
      expect([await bench.frozenAccounts(), await bench.unsettledIds()]).toEqual([[], []]);
    },
  );

  it('keeps accounts that depend on a second gap frozen', async () => {
    const journal = await bench.journal(
      ['t1', 'bob', 'cy', 7],
      ['t2', 'world', 'ada', 50],
      ['t3', 'cy', 'bob', 3],
      ['t4', 'world', 'ada', 1],
    );
    const closing = await bench.closing();
    await bench.handOver('pod', except(journal, 1, 3), [attempt('t1', 'bob', 'cy'), attempt('t3', 'cy', 'bob')], 4);
    await recoverUpTo(4, closing);
    await bench.recoveryStore.postJournal(closing, journal.slice(0, 1), 4);
    expect(await bench.recover(closing)).toMatchObject({
      authority: { mode: 'DIRECT', cacheEpoch: 1, highestKnownSeq: 4 },
    });
    expect(await bench.flushes.cursor()).toMatchObject({ seq: 2 });
    expect(await bench.frozenAccounts()).toMatchObject([{ account_id: 'bob' }, { account_id: 'cy' }]);
    const recovered = await bench.late(await bench.authority.read(), journal, 4, { pageEntries: 1 });
    expect(recovered).toMatchObject({ mode: 'DIRECT', cacheEpoch: null });
    expect(await bench.transfers()).toEqual(['t1', 't2', 't3', 't4']);
  });
});
