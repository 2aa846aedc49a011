import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Journaled } from '../journaled.ts';
import { wholeJournal } from './late.ts';
import { keyOf, receive } from './received.ts';
import {
  type EpochRecoveryResult,
  type RecoveredEpoch,
  recoverEpoch,
  recoverEpochAcceptingLoss,
} from './recover-epoch.ts';
import { recoverPage } from './recovery.ts';
import { anyHistory, handedOverOf, type Lived, live, PODS, replayed } from './testing/handed-over-history.ts';

const RUNS = { numRuns: 400 };

/** What a recovery has applied, in order of seq. */
function appliedBy(settled: RecoveredEpoch, lived: Lived): Journaled[] {
  const seqs = new Set([...settled.outcomes, ...settled.changes].map(({ seq }) => seq));
  const applied = lived.journal.filter(({ seq }) => seqs.has(seq));
  expect(applied).toHaveLength(settled.outcomes.length + settled.changes.length);
  expect(applied.filter((one) => one.kind === 'transfers').map((one) => one.outcome)).toEqual(settled.outcomes);
  expect(applied.filter((one) => one.kind === 'account-change').map((one) => one.change)).toEqual(settled.changes);
  return applied;
}

/** Every posting follows on its two accounts, is decided on their settings, and within the limit that held then. */
function expectConsistent(settled: RecoveredEpoch, lived: Lived): void {
  const accounts = lived.accountsAt(({ seq }) => seq <= lived.cursor);
  for (const told of appliedBy(settled, lived)) {
    if (told.kind === 'transfers' && told.outcome.status === 'POSTED') {
      const { order, source, destination } = told.outcome;
      for (const [id, side, change] of [
        [order.source, source, -order.amount],
        [order.destination, destination, order.amount],
      ] as const) {
        const before = accounts.get(id);
        expect([id, side.version, side.balance, side.settingsVersion]).toEqual([
          id,
          (before?.version ?? 0) + 1,
          (before?.balance ?? 0) + change,
          before?.settingsVersion,
        ]);
      }
      const payer = accounts.get(order.source);
      if (payer && !payer.external) expect(source.balance).toBeGreaterThanOrEqual(-payer.overdraftLimit);
    }
    if (told.kind === 'account-change')
      expect(told.change.settingsVersion).toBe((accounts.get(told.change.accountId)?.settingsVersion ?? 0) + 1);
    for (const [id, after] of replayed([told], accounts.values())) accounts.set(id, after);
  }
  for (const move of settled.moves) {
    const before = lived.accountsAt(({ seq }) => seq <= lived.cursor).get(move.accountId);
    expect(move).toMatchObject({ previousBalance: before?.balance, previousVersion: before?.version });
    expect(accounts.get(move.accountId)).toMatchObject({ balance: move.balance, version: move.version });
  }
  const sums = new Map<string, number>();
  for (const { currency, balance } of accounts.values()) sums.set(currency, (sums.get(currency) ?? 0) + balance);
  expect([...sums.values()].every((sum) => sum === 0)).toBe(true);
}

/** Each thing received is applied, or waits under its id with both its accounts frozen. */
function expectNothingLost(settled: RecoveredEpoch, lived: Lived, entries = handedOverOf(lived).entries): void {
  const applied = new Set(appliedBy(settled, lived).map(({ seq }) => seq));
  const waiting = new Set(settled.unsettled.map(keyOf));
  const frozen = new Set(settled.frozen.map(({ accountId }) => accountId));
  for (const told of receive(entries, 1, lived.cursor).told) {
    expect([told.id, applied.has(told.seq)]).toEqual([told.id, !waiting.has(keyOf(told))]);
    if (!applied.has(told.seq)) expect(told.accounts.every((id) => frozen.has(id))).toBe(true);
  }
}

const settledOf = (recovered: EpochRecoveryResult): RecoveredEpoch => {
  if (recovered.kind !== 'settled') throw new Error(`all pods have drained, and ${JSON.stringify(recovered)}`);
  return recovered;
};
const recoveries = { complete: 0, partial: 0, held: 0 };
function each(check: (lived: Lived, settled: RecoveredEpoch) => void, runs = RUNS): Promise<void> {
  return fc.assert(
    fc.asyncProperty(anyHistory, async (history) => {
      const lived = await live(history);
      check(lived, settledOf(recoverEpoch(handedOverOf(lived))));
    }),
    runs,
  );
}

describe('The recovery of any history that all pods have drained', () => {
  it('applies or holds everything that was received', () =>
    each((lived, settled) => expectNothingLost(settled, lived)));

  it('applies only what follows on MySQL: versions, balances, settings, limits, sums', () =>
    each((lived, settled) => expectConsistent(settled, lived)));

  it('freezes nothing when no seq is missing, and is then the journal up to the bound', () =>
    each((lived, settled) => {
      const received = receive(handedOverOf(lived).entries, 1, lived.cursor).told;
      const complete = lived.cursor + received.length === settled.bound;
      recoveries[complete ? 'complete' : 'partial'] += 1;
      if (settled.frozen.some(({ reason }) => reason === 'held')) recoveries.held += 1;
      expect(settled.cursor === settled.bound).toBe(complete);
      if (!complete) {
        expect(settled.cursor).toBeLessThan(settled.bound);
        expect(settled.frozen).not.toEqual([]);
        return;
      }
      expect([settled.frozen, settled.unsettled]).toEqual([[], []]);
      const after = replayed(appliedBy(settled, lived), handedOverOf(lived).accounts.values());
      expect(after).toEqual(lived.accountsAt(({ seq }) => seq <= settled.bound));
    }));

  it('and the rest of its journal later, together are exactly the journal', () =>
    each((lived, settled) => {
      if (settled.cursor === settled.bound) return;
      const applied = appliedBy(settled, lived);
      const seqs = new Set(applied.map(({ seq }) => seq));
      const accounts = replayed(applied, handedOverOf(lived).accounts.values());
      const whole = wholeJournal(lived.journalEntries, 1, settled.cursor, lived.journal.length);
      const rest = whole.filter(({ seq }) => !seqs.has(seq));
      const frozen = new Set(settled.frozen.map(({ accountId }) => accountId));
      const waiting = new Set(settled.unsettled.map(keyOf));
      for (const told of rest) {
        expect(waiting).toContain(keyOf(told));
        const refused = told.kind === 'transfers' && told.outcome.status === 'REJECTED';
        if (!refused) expect(told.accounts.filter((id) => !frozen.has(id))).toEqual([]);
      }
      const page = recoverPage(whole, accounts, ({ seq }) => seqs.has(seq), 'require');
      expect(page.outcomes.length + page.changes.length + applied.length).toBe(lived.journal.length - lived.cursor);
      expect(replayed(rest, accounts.values())).toEqual(lived.end);
    }));

  it('is the same in any order, and however often an entry or a doubt is repeated', async () => {
    await fc.assert(
      fc.asyncProperty(anyHistory, fc.infiniteStream(fc.nat()), async (history, random) => {
        const drained = handedOverOf(await live(history));
        const shuffled = <T>(all: readonly T[]): T[] =>
          [...all, ...all]
            .map((one) => ({ one, at: random.next().value ?? 0 }))
            .sort((a, b) => a.at - b.at)
            .map(({ one }) => one);
        const again = { ...drained, entries: shuffled(drained.entries), inDoubt: shuffled(drained.inDoubt) };
        expect(recoverEpoch(again)).toEqual(recoverEpoch(drained));
      }),
      RUNS,
    );
  });
});

/*
 * A recovery cannot see that a pod is missing: that is what registrations are for. What it does owe then: it takes no seq for
 * settled that nobody has brought; what it applies is right; and when it calls an epoch complete, nothing that anybody was
 * told of up to the bound is missing. And where nobody is in doubt, it settles nothing that has a hole.
 */
describe('The recovery of a history of which a pod has not drained', () => {
  const without = (check: (lived: Lived, drained: ReturnType<typeof handedOverOf>) => void) =>
    fc.assert(
      fc.asyncProperty(anyHistory, fc.nat(PODS - 1), async (history, missing) => {
        const lived = await live(history);
        check(
          lived,
          handedOverOf(
            lived,
            lived.pods.filter((_, at) => at !== missing),
          ),
        );
      }),
      RUNS,
    );

  it('never passes a seq that nobody brought, and applies nothing that does not follow', () =>
    without((lived, drained) => {
      const recovered = recoverEpoch(drained);
      if (recovered.kind === 'unexplained') return;
      expectNothingLost(recovered, lived, drained.entries);
      expectConsistent(recovered, lived);
      const applied = new Set(appliedBy(recovered, lived).map(({ seq }) => seq));
      for (const { seq } of lived.journal) {
        if (seq > lived.cursor && seq <= recovered.cursor) expect([seq, applied.has(seq)]).toEqual([seq, true]);
      }
      if (recovered.cursor < recovered.bound) expect(recovered.unsettled.length).toBeGreaterThan(0);
    }));

  it('settles nothing when a seq is missing and nobody is in doubt', () =>
    without((lived, drained) => {
      const certain = { ...drained, inDoubt: [] };
      const { told } = receive(drained.entries, 1, lived.cursor);
      const bound = Math.max(lived.cursor, drained.observed, told.at(-1)?.seq ?? 0);
      const missing = bound - lived.cursor - told.length;
      const recovered = recoverEpoch(certain);
      if (missing > 0) expect(recovered).toEqual({ kind: 'unexplained', missing, inDoubt: 0, bound });
      else expect(recovered).toMatchObject({ kind: 'settled', cursor: bound, frozen: [] });
    }));

  it('by an operator who accepts the loss: applies what follows, and tells everything else', () =>
    without((lived, drained) => {
      const { settled, loss } = recoverEpochAcceptingLoss(drained);
      expectConsistent(settled, lived);
      const applied = new Set(appliedBy(settled, lived).map(({ seq }) => seq));
      const held = new Set(loss.held.map(({ seq }) => seq));
      const inGap = (seq: number) => loss.gaps.some(({ fromSeq, toSeq }) => fromSeq <= seq && seq <= toSeq);
      for (let seq = lived.cursor + 1; seq <= settled.bound; seq++)
        expect([seq, [applied.has(seq), held.has(seq), inGap(seq)].filter(Boolean)]).toEqual([seq, [true]]);
    }));
});

it('The histories are of every sort', () => {
  expect(recoveries.complete).toBeGreaterThan(40);
  expect(recoveries.partial).toBeGreaterThan(40);
  expect(recoveries.held).toBeGreaterThan(20);
});
