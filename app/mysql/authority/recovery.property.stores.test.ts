import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { audit } from '../../audit/audit.ts';
import type { HoldState } from '../../domain/hold-types.ts';
import { assertCovering, below, shrinkingAtMost } from '../../domain/testing/covering.ts';
import { batchOf } from '../../journal/flush-batch.ts';
import type { Journaled } from '../../journal/journaled.ts';
import { keyOf, keysOf } from '../../journal/recovery/received.ts';
import { attemptsOf, recoverEpoch, recoverEpochAcceptingLoss } from '../../journal/recovery/recover-epoch.ts';
import {
  ACCOUNTS,
  anyHistory,
  handedOverOf,
  live,
  PODS,
  replayed,
} from '../../journal/recovery/testing/handed-over-history.ts';
import { MysqlAuditBooks } from '../audit/audit-books.ts';
import { LedgerReader } from '../ledger/ledger-reader.ts';
import { expectWholeLog } from '../ledger/testing/whole-log.ts';
import { RecoveryStore } from './recovery-store.ts';
import { BY, RecoveryBench } from './testing/recovery-bench.ts';

const TEST_MS_MAX = 3_600_000;

/** Checks that the books follow from the log, whatever was recovered and in whatever order. */
const expectAudited = async () =>
  expect(await audit(new MysqlAuditBooks(bench.db.database), { accountsMax: 2 })).toMatchObject({ faults: [] });

let bench: RecoveryBench;
beforeAll(async () => {
  bench = await RecoveryBench.start();
});
afterAll(() => bench.db.drop());

it(
  'After any history is partly flushed, handed over, recovered in pages and completed late, MySQL contains exactly what happened',
  async () => {
    const seen = { complete: 0, partial: 0, held: 0 };
    const property = fc.asyncProperty(
      anyHistory,
      fc.boolean(),
      fc.integer({ min: 1, max: 6 }),
      shrinkingAtMost(async (history, accepted, page) => {
        const lived = await live(history);
        const pods = lived.pods.map((_, n) => `pod-${n}`);
        await bench.begin(pods, ACCOUNTS, 2);
        const recoveryStore = new RecoveryStore(bench.db.database, { outcomesMax: page, bytesMax: 1_000_000 });
        // Entries are flushed whole.
        const flushed = batchOf(
          lived.journalEntries.filter(({ firstSeq }) => firstSeq <= lived.cursor),
          1,
          0,
        );
        await bench.flushes.commit(flushed, 1);
        const closing = await bench.closing();
        for (const [n, { entries, inDoubt, observed }] of lived.pods.entries())
          await bench.handOver(`pod-${n}`, entries, inDoubt, observed);
        // The result of recovering everything in one step.
        const spec = recoverEpoch(handedOverOf({ ...lived, cursor: flushed.lastSeq }));
        if (spec.kind !== 'recovered') throw new Error(`all pods have handed over, and ${JSON.stringify(spec)}`);
        const recovered = await bench.recover(closing, recoveryStore);
        if (!recovered || !('authority' in recovered))
          throw new Error(`all pods have handed over, and ${JSON.stringify(recovered)}`);
        const { authority } = recovered;
        const applied = new Set(
          [...spec.outcomes, ...spec.groups, ...spec.changes, ...spec.holdEvents].map(({ seq }) => seq),
        );
        await expectBooks(lived, (seq) => seq <= flushed.lastSeq || applied.has(seq));
        expect(authority.highestKnownSeq).toBe(spec.cursor < spec.highestKnownSeq ? spec.highestKnownSeq : null);
        expect(await bench.flushes.cursor()).toMatchObject({ seq: spec.cursor });
        expect(await bench.frozenAccounts()).toEqual(
          spec.frozen.map(({ accountId, reason }) => ({ account_id: accountId, epoch: 1, reason })),
        );
        const waiting = (await bench.unsettledIds()).map((row) => keyOf(row as Parameters<typeof keyOf>[0]));
        expect(waiting.sort()).toEqual(spec.unsettled.map(keyOf).sort());
        if (spec.frozen.some(({ reason }) => reason === 'held')) seen.held += 1;
        if (authority.cacheEpoch === null) {
          seen.complete += 1;
        } else if (accepted) {
          await bench.accept(authority, BY, recoveryStore);
          await expectBooks(lived, (seq) => seq <= flushed.lastSeq || applied.has(seq));
        } else {
          seen.partial += 1;
          const end = lived.endSeq;
          await bench.late(authority, lived.journalEntries, end, { recoveryStore, pageEntries: page });
          await expectBooks(lived, () => true);
        }
        expect([await bench.frozenAccounts(), await bench.unsettledIds()]).toEqual([[], []]);
        await expectWholeLog(bench.db.database);
        await expectAudited();
      }),
    );
    await assertCovering(property, { numRuns: 60 }, () => below(seen, { complete: 5, partial: 5, held: 1 }));
  },
  TEST_MS_MAX,
);

it(
  'Accepting a loss in pages drops the same entries as accepting it in one step, and no pod has to hand over',
  async () => {
    let dropped = 0;
    const property = fc.asyncProperty(
      anyHistory,
      fc.nat(PODS - 1),
      fc.integer({ min: 1, max: 6 }),
      shrinkingAtMost(async (history, missing, page) => {
        const lived = await live(history);
        const pods = lived.pods.filter((_, at) => at !== missing);
        await bench.begin(['gone'], ACCOUNTS, 2);
        const recoveryStore = new RecoveryStore(bench.db.database, { outcomesMax: page, bytesMax: 1_000_000 });
        const closing = await bench.closing();
        for (const [n, { entries, inDoubt, observed }] of pods.entries()) {
          await bench.db.database.rows('INSERT INTO pods (pod_id, epoch) VALUES (?, 1)', [`pod-${n}`]);
          await bench.handOver(`pod-${n}`, entries, inDoubt, observed);
        }
        const { recovered, loss } = recoverEpochAcceptingLoss(
          handedOverOf({ ...lived, cursor: 0, accountsAt: () => replayed([]) }, pods),
        );
        const inDoubt = new Set(loss.inDoubt.map(({ kind, id, accounts }) => JSON.stringify({ kind, id, accounts })));
        expect(await bench.accept(closing, BY, recoveryStore)).toMatchObject({
          authority: { mode: 'DIRECT', cacheEpoch: null },
          dropped: loss.held.flatMap(attemptsOf).length + inDoubt.size + loss.gaps.length,
        });
        const applied = new Set(
          [...recovered.outcomes, ...recovered.groups, ...recovered.changes, ...recovered.holdEvents].map(
            ({ seq }) => seq,
          ),
        );
        await expectBooks(lived, (seq) => applied.has(seq));
        const log = await expectWholeLog(bench.db.database);
        await expectAudited();
        const losses = log.filter(({ kind }) => kind === 'loss-accepted');
        expect(losses).toHaveLength(loss.held.flatMap(attemptsOf).length + inDoubt.size + loss.gaps.length);
        dropped += loss.held.length;
      }),
    );
    await assertCovering(property, { numRuns: 40 }, () => below({ dropped }, { dropped: 1 }));
  },
  TEST_MS_MAX,
);

async function expectBooks(lived: Awaited<ReturnType<typeof live>>, there: (seq: number) => boolean): Promise<void> {
  const {
    transfers = [],
    account_changes: changes = [],
    transfer_groups: groups = [],
    holds = [],
    hold_events: events = [],
  } = await bench.everything();
  const ids = [
    ...transfers.map((row) => `t:${(row as { transaction_id: string }).transaction_id}`),
    ...changes.map((row) => `c:${(row as { change_id: string }).change_id}`),
    ...groups.map((row) => `g:${(row as { group_id: string }).group_id}`),
    ...holds.map((row) => `h:${(row as { hold_id: string }).hold_id}`),
    ...events.flatMap((row) =>
      (row as { event_id: string | null }).event_id === null ? [] : `e:${(row as { event_id: string }).event_id}`,
    ),
  ];
  expect(ids.sort()).toEqual(
    lived.journal
      .filter(({ seq }) => there(seq))
      .flatMap(keysOf)
      .sort(),
  );
  const { accounts } = await new LedgerReader(bench.db.database).loadAccounts(
    ACCOUNTS.map(({ accountId }) => accountId),
  );
  expect(accounts).toEqual(lived.accountsAt(({ seq }) => there(seq)));
  // The row of each hold contains the state after its last event in the history.
  expect(holdRows(holds)).toEqual(holdsAfter(lived.journal.filter(({ seq }) => there(seq))));
}

function holdRows(rows: readonly object[]): Record<string, unknown[]> {
  const columns = ['status', 'hold_amount', 'captured', 'expires_at_ms', 'revision'];
  const all = rows as Record<string, unknown>[];
  return Object.fromEntries(all.map((row) => [String(row['hold_id']), columns.map((column) => row[column])]));
}

/** The state of each hold after its last event in these items. */
function holdsAfter(items: readonly Journaled[]): Record<string, unknown[]> {
  const after: Record<string, unknown[]> = {};
  const keep = (holdId: string, { status, amount, captured, expiresAt, revision }: HoldState) => {
    after[holdId] = [status, amount, captured, expiresAt, revision];
  };
  for (const item of items) {
    if ('event' in item) {
      const { event } = item;
      if (event.kind === 'REFUSED') after[event.holdId] = ['REFUSED', 0, 0, 0, 0];
      else keep(event.holdId, event.hold);
    } else if (item.kind === 'transfers' && item.outcome.status === 'POSTED' && item.outcome.hold)
      keep(item.outcome.order.capture?.holdId ?? '', item.outcome.hold.hold);
  }
  return after;
}
