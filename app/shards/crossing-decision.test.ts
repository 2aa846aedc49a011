import { describe, expect, it } from 'vitest';
import type { LegName } from '../domain/leg-types.ts';
import { CROSSING_TABLE, type CrossingFacts, LEG_STATES, type LegState, nextStep } from './crossing-decision.ts';

const every: CrossingFacts[] = LEG_STATES.flatMap((out) =>
  LEG_STATES.flatMap((back) =>
    LEG_STATES.flatMap((into) => LEG_STATES.map((returns) => ({ out, back, in: into, returns }))),
  ),
);
const has = (state: LegState): boolean => state !== 'unknown' && state !== 'absent';
const isPosted = (state: LegState): boolean => state === 'posted' || state === 'posted-persisted';
const sent = (facts: CrossingFacts): LegName | null => {
  const step = nextStep(facts);
  return step.do === 'send' ? step.leg : null;
};

describe('the next step of a crossing', () => {
  it('is decided by one row of the table, and every row decides something', () => {
    const used = new Set(every.map((facts) => nextStep(facts)));
    expect(CROSSING_TABLE.map(({ step }) => used.has(step))).toEqual(CROSSING_TABLE.map(() => true));
  });

  it('never pays the destination before MySQL has `out`', () => {
    for (const facts of every) {
      if (sent(facts) !== null && sent(facts) !== 'out') expect(facts.out).toBe('posted-persisted');
    }
  });

  it('never pays returned money, and never returns paid money', () => {
    for (const facts of every) {
      if (sent(facts) === 'in') expect(has(facts.back) || has(facts.returns) || facts.back === 'unknown').toBe(false);
      if (sent(facts) === 'back' || sent(facts) === 'returns') expect(isPosted(facts.in)).toBe(false);
    }
  });

  it('begins a return only if MySQL has the refusal of the destination', () => {
    for (const facts of every) {
      if (sent(facts) === 'back' && !has(facts.back)) expect(facts.in).toBe('refused-persisted');
    }
  });

  it('gives the money to the account of returns only if MySQL has the refusal of the source', () => {
    for (const facts of every) if (sent(facts) === 'returns') expect(facts.back).toBe('refused-persisted');
  });

  it('is a final end only if MySQL has the outcomes that it depends on', () => {
    const needed = { done: 'in', returned: 'back', kept: 'returns', refused: 'out' } as const;
    for (const facts of every) {
      const step = nextStep(facts);
      if (step.do !== 'end' || !step.isFinal || step.end === 'conflict' || step.end === 'stuck') continue;
      expect(facts[needed[step.end]]).toBe(step.end === 'refused' ? 'refused-persisted' : 'posted-persisted');
    }
  });

  it('never ends the crossing while the money is in transit, unless an operator has to help', () => {
    for (const facts of every) {
      const step = nextStep(facts);
      if (step.do !== 'end' || !isPosted(facts.out)) continue;
      if (step.end !== 'stuck' && step.end !== 'conflict')
        expect([facts.in, facts.back, facts.returns].some(isPosted)).toBe(true);
    }
  });

  it('reports legs that contradict each other', () => {
    for (const facts of every) {
      if (facts.out !== 'posted-persisted' || facts.back === 'unknown') continue;
      if (isPosted(facts.in) && has(facts.back)) expect(nextStep(facts)).toMatchObject({ end: 'conflict' });
    }
  });

  it.each<[string, Partial<CrossingFacts>, object]>([
    ['a new transfer', {}, { leg: 'out', until: 'persisted' }],
    ['refused by the source', { out: 'refused-persisted' }, { end: 'refused', isFinal: true }],
    ['out, and nothing else known', { out: 'posted-persisted' }, { do: 'look-for', leg: 'back' }],
    ['out, not returned', { out: 'posted-persisted', back: 'absent' }, { leg: 'in', until: 'decided' }],
    ['paid', { out: 'posted-persisted', back: 'absent', in: 'posted' }, { end: 'done', isFinal: false }],
    ['refused', { out: 'posted-persisted', back: 'absent', in: 'refused' }, { leg: 'in', until: 'persisted' }],
    ['refused for good', { out: 'posted-persisted', back: 'absent', in: 'refused-persisted' }, { leg: 'back' }],
    ['returned', { out: 'posted-persisted', back: 'posted-persisted' }, { end: 'returned', isFinal: true }],
    ['source closed', { out: 'posted-persisted', back: 'refused-persisted' }, { leg: 'returns' }],
    [
      'kept',
      { out: 'posted-persisted', back: 'refused-persisted', returns: 'posted-persisted' },
      { end: 'kept', isFinal: true },
    ],
    ['kept nowhere', { out: 'posted-persisted', back: 'refused-persisted', returns: 'refused' }, { end: 'stuck' }],
  ])('%s', (_, facts, step) => {
    expect(nextStep({ out: 'unknown', in: 'unknown', back: 'unknown', returns: 'unknown', ...facts })).toMatchObject(
      step,
    );
  });
});
