import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { membersOf } from '../../domain/group.ts';
import type { HoldState } from '../../domain/hold-types.ts';
import { leftOf } from '../../domain/holds.ts';
import { assertCovering, below, shrinkingAtMost } from '../../domain/testing/covering.ts';
import type { Outcome } from '../../domain/types.ts';
import { type Journaled, seqCount } from '../journaled.ts';
import { wholeJournal } from './late.ts';
import { keyOf, keysOf, receive } from './received.ts';
import {
  type EpochRecoveryResult,
  type RecoveredEpoch,
  recoverEpoch,
  recoverEpochAcceptingLoss,
} from './recover-epoch.ts';
import { recoverPage } from './recovery.ts';
import { anyHistory, handedOverOf, type Lived, live, PODS, replayed } from './testing/handed-over-history.ts';

const RUNS = { numRuns: 400 };

/** The outcomes of transfers in an item. */
const outcomesOf = (item: Journaled): Outcome[] => {
  if (item.kind === 'group') return item.outcome.status === 'POSTED' ? membersOf(item.outcome) : [];
  return item.kind === 'transfers' ? [item.outcome] : [];
};
const appliedSeqs = ({ outcomes, groups, changes, holdEvents }: RecoveredEpoch): Set<number> =>
  new Set([...outcomes, ...groups, ...changes, ...holdEvents].map(({ seq }) => seq));

/** The items that a recovery has applied, in order of seq; a group is one item. */
function appliedBy(recovered: RecoveredEpoch, lived: Lived): Journaled[] {
  const applied = lived.journal.filter(({ seq }) => appliedSeqs(recovered).has(seq));
  expect(seqCount(applied)).toBe(appliedSeqs(recovered).size);
  expect(applied.flatMap(outcomesOf)).toEqual(recovered.outcomes);
  expect(applied.filter((one) => one.kind === 'group').map((one) => one.outcome)).toEqual(recovered.groups);
  expect(applied.flatMap((one) => ('event' in one ? [one.event] : []))).toEqual(recovered.holdEvents);
  expect(applied.filter((one) => one.kind === 'account-change').map((one) => one.change)).toEqual(recovered.changes);
  return applied;
}

/**
 * The held amount of each account after these items: the sum of its open holds. Checks that the revisions of each hold
 * have no gaps.
 */
function heldBy(items: readonly Journaled[]): Map<string, number> {
  const holds = new Map<string, { account: string; hold: HoldState }>();
  const step = (holdId: string, account: string, hold: HoldState) => {
    const before = holds.get(holdId)?.hold;
    expect([holdId, hold.revision, before?.status ?? 'OPEN']).toEqual([holdId, (before?.revision ?? 0) + 1, 'OPEN']);
    holds.set(holdId, { account, hold });
  };
  for (const item of items) {
    if ('event' in item && item.event.kind !== 'REFUSED') step(item.event.holdId, item.event.account, item.event.hold);
    if (item.kind !== 'transfers' || item.outcome.status !== 'POSTED' || !item.outcome.hold) continue;
    const { order, hold } = item.outcome;
    step(order.capture?.holdId ?? '', order.source, hold.hold);
  }
  const held = new Map<string, number>();
  for (const { account, hold } of holds.values()) held.set(account, (held.get(account) ?? 0) + leftOf(hold));
  return held;
}

/**
 * Checks that every posted transfer follows the state of its two accounts, was decided with their settings, and is
 * within the limits that applied then.
 */
function expectConsistent(recovered: RecoveredEpoch, lived: Lived): void {
  const accounts = lived.accountsAt(({ seq }) => seq <= lived.cursor);
  for (const item of appliedBy(recovered, lived)) {
    for (const outcome of outcomesOf(item)) {
      if (outcome.status !== 'POSTED') continue;
      const { order, source, destination, hold } = outcome;
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
      if (payer && !payer.external && !hold)
        expect(source.balance - payer.held).toBeGreaterThanOrEqual(-payer.overdraftLimit);
      const one = { kind: 'transfers', seq: 0, lastSeq: 0, id: '', accounts: [], outcome } as const;
      for (const [id, after] of replayed([one], accounts.values())) accounts.set(id, after);
    }
    if (item.kind === 'account-change')
      expect(item.change.settingsVersion).toBe((accounts.get(item.change.accountId)?.settingsVersion ?? 0) + 1);
    if (item.kind === 'account-change' || 'event' in item)
      for (const [id, after] of replayed([item], accounts.values())) accounts.set(id, after);
  }
  const flushed = lived.journal.filter(({ seq }) => seq <= lived.cursor);
  const held = heldBy([...flushed, ...appliedBy(recovered, lived)]);
  for (const account of accounts.values()) expect(account.held).toBe(held.get(account.accountId) ?? 0);
  for (const move of recovered.moves) {
    const before = lived.accountsAt(({ seq }) => seq <= lived.cursor).get(move.accountId);
    expect(move).toMatchObject({ previousBalance: before?.balance, previousVersion: before?.version });
    const { balance, version } = move;
    expect(accounts.get(move.accountId)).toMatchObject({ balance, version });
    if (move.held)
      expect([before?.held, accounts.get(move.accountId)?.held]).toEqual([move.held.before, move.held.after]);
  }
  const sums = new Map<string, number>();
  for (const { currency, balance } of accounts.values()) sums.set(currency, (sums.get(currency) ?? 0) + balance);
  expect([...sums.values()].every((sum) => sum === 0)).toBe(true);
}

/** Checks that everything that was received is applied, or waits under its id with both of its accounts frozen. */
function expectNothingLost(recovered: RecoveredEpoch, lived: Lived, entries = handedOverOf(lived).entries): void {
  const applied = new Set(appliedBy(recovered, lived).map(({ seq }) => seq));
  const waiting = new Set(recovered.unsettled.map(keyOf));
  const frozen = new Set(recovered.frozen.map(({ accountId }) => accountId));
  for (const item of receive(entries, 1, lived.cursor).items) {
    expect([item.id, applied.has(item.seq)]).toEqual([item.id, !waiting.has(keyOf(item))]);
    if (!applied.has(item.seq)) expect(item.accounts.every((id) => frozen.has(id))).toBe(true);
  }
}

const seqsIn = ({ seq, lastSeq }: Journaled): number[] => Array.from({ length: lastSeq - seq + 1 }, (_, n) => seq + n);

const recoveredOf = (result: EpochRecoveryResult): RecoveredEpoch => {
  if (result.kind !== 'recovered') throw new Error(`all pods have handed over, and ${JSON.stringify(result)}`);
  return result;
};
/** How much of each kind the histories must contain for the tests to be meaningful. */
const MINIMA = { complete: 40, partial: 40, held: 20, groups: 40, groupsInDoubt: 20, captures: 5 };
const HOLD_EVENTS = ['CHANGED', 'EXPIRED', 'PLACED', 'REFUSED', 'VOIDED'];
const recoveries = { complete: 0, partial: 0, held: 0, groups: 0, groupsInDoubt: 0, captures: 0 };
const holdEvents = new Set<string>();
const lackingKinds = () => [...below(recoveries, MINIMA), ...HOLD_EVENTS.filter((kind) => !holdEvents.has(kind))];
function each(
  check: (lived: Lived, recovered: RecoveredEpoch) => void,
  missing: () => readonly string[] = () => [],
): Promise<void> {
  const property = fc.asyncProperty(
    anyHistory,
    shrinkingAtMost(async (history) => {
      const lived = await live(history);
      check(lived, recoveredOf(recoverEpoch(handedOverOf(lived))));
    }),
  );
  return assertCovering(property, RUNS, missing);
}

describe('The recovery of any history that all pods have handed over', () => {
  it('applies or holds everything that was received', () =>
    each((lived, recovered) => expectNothingLost(recovered, lived)));

  it('applies only what follows the state in MySQL: versions, balances, settings, limits, sums', () =>
    each((lived, recovered) => expectConsistent(recovered, lived)));

  it('freezes nothing when no seq is missing, and then equals the journal up to the highest known seq', () =>
    each((lived, recovered) => {
      const received = receive(handedOverOf(lived).entries, 1, lived.cursor).items;
      const complete = lived.cursor + seqCount(received) === recovered.highestKnownSeq;
      recoveries[complete ? 'complete' : 'partial'] += 1;
      recoveries.captures += recovered.outcomes.filter((one) => one.status === 'POSTED' && one.hold).length;
      for (const { kind } of recovered.holdEvents) holdEvents.add(kind);
      if (recovered.frozen.some(({ reason }) => reason === 'held')) recoveries.held += 1;
      if (recovered.groups.some(({ status }) => status === 'POSTED')) recoveries.groups += 1;
      if (recovered.unsettled.some(({ kind }) => kind === 'group')) recoveries.groupsInDoubt += 1;
      expect(recovered.cursor === recovered.highestKnownSeq).toBe(complete);
      if (!complete) {
        expect(recovered.cursor).toBeLessThan(recovered.highestKnownSeq);
        expect(recovered.frozen).not.toEqual([]);
        return;
      }
      expect([recovered.frozen, recovered.unsettled]).toEqual([[], []]);
      const after = replayed(appliedBy(recovered, lived), handedOverOf(lived).accounts.values());
      expect(after).toEqual(lived.accountsAt(({ seq }) => seq <= recovered.highestKnownSeq));
    }, lackingKinds));

  it('together with a later recovery of the rest of its journal, results in exactly the journal', () =>
    each((lived, recovered) => {
      if (recovered.cursor === recovered.highestKnownSeq) return;
      const applied = appliedBy(recovered, lived);
      const seqs = new Set(applied.map(({ seq }) => seq));
      const accounts = replayed(applied, handedOverOf(lived).accounts.values());
      const whole = wholeJournal(lived.journalEntries, 1, recovered.cursor, lived.endSeq);
      const rest = whole.filter(({ seq }) => !seqs.has(seq));
      const frozen = new Set(recovered.frozen.map(({ accountId }) => accountId));
      const waiting = new Set(recovered.unsettled.map(keyOf));
      for (const item of rest) {
        expect([...waiting]).toEqual(expect.arrayContaining(keysOf(item)));
        const refused =
          ('outcome' in item && item.outcome.status === 'REJECTED') ||
          ('event' in item && item.event.kind === 'REFUSED');
        if (!refused) expect(item.accounts.filter((id) => !frozen.has(id))).toEqual([]);
      }
      const page = recoverPage(whole, accounts, ({ seq }) => seqs.has(seq), 'require');
      const refusedGroups = page.groups.filter(({ status }) => status === 'REJECTED').length;
      const posted = page.outcomes.length + page.changes.length + page.holdEvents.length + refusedGroups;
      expect(posted + seqCount(applied)).toBe(lived.endSeq - lived.cursor);
      expect(replayed(rest, accounts.values())).toEqual(lived.end);
    }));

  it('is the same in any order, and however often an entry or an in-doubt attempt is repeated', async () => {
    await fc.assert(
      fc.asyncProperty(anyHistory, fc.infiniteStream(fc.nat()), async (history, random) => {
        const handedOver = handedOverOf(await live(history));
        const shuffled = <T>(all: readonly T[]): T[] =>
          [...all, ...all]
            .map((one) => ({ one, at: random.next().value ?? 0 }))
            .sort((a, b) => a.at - b.at)
            .map(({ one }) => one);
        const again = { ...handedOver, entries: shuffled(handedOver.entries), inDoubt: shuffled(handedOver.inDoubt) };
        expect(recoverEpoch(again)).toEqual(recoverEpoch(handedOver));
      }),
      RUNS,
    );
  });
});

/*
 * A recovery cannot detect that a pod is missing: registrations exist for that. It must still guarantee this much: it
 * counts a seq as recovered only if a pod has handed it over; what it applies is correct; if it calls an epoch
 * complete, nothing that any pod has received up to the highest known seq is missing; and if a seq is missing and
 * nothing is in doubt, it recovers nothing.
 */
describe('The recovery of a history that one pod has not handed over', () => {
  const without = (check: (lived: Lived, handedOver: ReturnType<typeof handedOverOf>) => void) =>
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

  it('never passes a seq that no pod handed over, and applies nothing that does not follow the state in MySQL', () =>
    without((lived, handedOver) => {
      const result = recoverEpoch(handedOver);
      if (result.kind === 'unexplained') return;
      expectNothingLost(result, lived, handedOver.entries);
      expectConsistent(result, lived);
      const applied = new Set(appliedBy(result, lived).map(({ seq }) => seq));
      for (const { seq } of lived.journal) {
        if (seq > lived.cursor && seq <= result.cursor) expect([seq, applied.has(seq)]).toEqual([seq, true]);
      }
      if (result.cursor < result.highestKnownSeq) expect(result.unsettled.length).toBeGreaterThan(0);
    }));

  it('recovers nothing if a seq is missing and nothing is in doubt', () =>
    without((lived, handedOver) => {
      const certain = { ...handedOver, inDoubt: [] };
      const { items } = receive(handedOver.entries, 1, lived.cursor);
      const highestKnownSeq = Math.max(lived.cursor, handedOver.observed, items.at(-1)?.lastSeq ?? 0);
      const missing = highestKnownSeq - lived.cursor - seqCount(items);
      const result = recoverEpoch(certain);
      if (missing > 0) expect(result).toEqual({ kind: 'unexplained', missing, inDoubt: 0, highestKnownSeq });
      else expect(result).toMatchObject({ kind: 'recovered', cursor: highestKnownSeq, frozen: [] });
    }));

  it('applies what follows the state in MySQL, and reports everything else, if an operator accepts the loss', () =>
    without((lived, handedOver) => {
      const { recovered, loss } = recoverEpochAcceptingLoss(handedOver);
      expectConsistent(recovered, lived);
      const applied = new Set(appliedBy(recovered, lived).flatMap(seqsIn));
      const held = new Set(loss.held.flatMap(seqsIn));
      const inGap = (seq: number) => loss.gaps.some(({ fromSeq, toSeq }) => fromSeq <= seq && seq <= toSeq);
      for (let seq = lived.cursor + 1; seq <= recovered.highestKnownSeq; seq++)
        expect([seq, [applied.has(seq), held.has(seq), inGap(seq)].filter(Boolean)]).toEqual([seq, [true]]);
    }));
});
