import { describe, expect, it } from 'vitest';
import { legOf } from '../domain/testing/legs.ts';
import { orderOf } from '../domain/testing/orders.ts';
import type { Outcome, TransferOrder } from '../domain/types.ts';
import { type CrossingFacts, nextStep } from './crossing-decision.ts';
import { planOfArrival, planOfRow } from './lost-legs.ts';

const STATES = ['absent', 'posted-persisted', 'refused-persisted'] as const;
const ROWS = ['OPEN', 'DONE', 'RETURNED'] as const;
/**
 * Every combination of rows and legs that the MySQL databases of two shards can contain for a transfer that has left
 * its source.
 */
const every = STATES.flatMap((into) =>
  STATES.flatMap((back) =>
    STATES.flatMap((returns) =>
      ROWS.map((row) => ({ row, facts: { out: 'posted-persisted', in: into, back, returns } satisfies CrossingFacts })),
    ),
  ),
);
const possible = every.filter(({ row, facts }) => planOfRow(row, facts).contradiction === null);

/** How the transfer ends after couriers have taken every step. @param into how an attempt of `in` ends */
function ends(facts: CrossingFacts, into: 'posted-persisted' | 'refused-persisted'): string {
  let now = facts;
  for (let steps = 0; steps < 5; steps++) {
    const step = nextStep(now);
    if (step.do === 'end') return step.end;
    if (step.do === 'send') now = { ...now, [step.leg]: step.leg === 'in' ? into : 'posted-persisted' };
  }
  throw new RangeError(`no end: ${JSON.stringify(facts)}`);
}

describe('the plan for a row', () => {
  it('leaves a transfer to couriers, which complete it, unless its row shows how it ended', () => {
    for (const { row, facts } of possible) {
      const { reopens, lacksRefusal } = planOfRow(row, facts);
      const mended = lacksRefusal ? { ...facts, in: 'refused-persisted' as const } : facts;
      const isOpen = row === 'OPEN' || reopens;
      for (const into of ['posted-persisted', 'refused-persisted'] as const) {
        const end = ends(mended, into);
        expect(['done', 'returned', 'kept', 'stuck']).toContain(end);
        if (!isOpen) expect(end === 'done' ? 'DONE' : 'RETURNED', JSON.stringify({ row, facts })).toBe(row);
      }
    }
  });

  it('never delivers money that came back, and ensures that every `back` has a refused `in`', () => {
    for (const { row, facts } of possible) {
      const { lacksRefusal, awaitsDelivery } = planOfRow(row, facts);
      if (facts.back === 'absent') continue;
      expect(awaitsDelivery).toBe(false);
      expect(facts.in === 'refused-persisted' || lacksRefusal).toBe(true);
    }
  });

  it('requires the destination if and only if `in` will be sent', () => {
    for (const { row, facts } of possible)
      expect(planOfRow(row, facts).awaitsDelivery).toBe(facts.in === 'absent' && facts.back === 'absent');
  });

  it('reports a contradiction if money was paid and returned, or if nothing has left', () => {
    const facts = {
      out: 'posted-persisted',
      in: 'posted-persisted',
      back: 'posted-persisted',
      returns: 'absent',
    } as const;
    expect(planOfRow('DONE', facts).contradiction).toBe('was paid and returned');
    for (const out of ['absent', 'refused-persisted'] as const)
      expect(planOfRow('OPEN', { ...facts, out }).contradiction).toBe('has a row, but no posted leg `out`');
  });
});

describe('the plan for an arrival', () => {
  const outcome = (status: Outcome['status'], order: TransferOrder): Outcome => {
    const common = { order, acceptedAt: 1, takenAt: 1, epoch: 1, seq: 1, replayed: true, persisted: true };
    const side = { balance: 1, version: 1, settingsVersion: 1 };
    return status === 'POSTED'
      ? { ...common, status, source: side, destination: side }
      : { ...common, status, refusal: 'account_frozen' };
  };
  const leg = (name: 'out' | 'in') => legOf(name, { transactionId: 't', source: 'a', destination: 'b' });
  const [left, plain] = [leg('out'), orderOf({ transactionId: 't' })];

  it.each([
    ['POSTED', null, 'pay'],
    ['REJECTED', null, 'refuse'],
    ['POSTED', outcome('POSTED', left), 'keep'],
    ['REJECTED', outcome('POSTED', left), 'keep'],
    ['REJECTED', outcome('REJECTED', left), 'keep'],
    ['POSTED', outcome('REJECTED', left), 'contradiction'],
    ['POSTED', outcome('POSTED', plain), 'contradiction'],
    ['REJECTED', outcome('POSTED', plain), 'keep'],
  ] as const)('%s, while the restored shard has %j: %s', (status, out, plan) => {
    expect(planOfArrival(outcome(status, leg('in')), out)).toBe(plan);
  });
});
