import { describe, expect, it } from 'vitest';
import { isOutcome } from '../checker/history.ts';
import { answersOf, newGroup } from './group-load.ts';
import { smallTown } from './population.ts';

const group = newGroup(smallTown('town-'), 0);
const transferOf = ({ transactionId, source, destination, currency }: (typeof group.orders)[number]) => {
  const zero = currency === 'EUR' ? '0.00' : '0';
  return {
    ...{ transactionId, sourceAccount: source, destinationAccount: destination, amount: zero, currency },
    ...{ sourceBalance: zero, sourceVersion: 1, destinationBalance: zero },
    ...{ destinationVersion: 1, acceptedAt: '2026-11-30T00:00:00.000Z', replayed: false },
  };
};

describe('The answer to a group', () => {
  it('that was posted shows the accounts of each transfer, and that the transfer belongs to the group', () => {
    const answers = answersOf(group, {
      status: 201,
      body: { groupId: group.groupId, transfers: group.orders.map(transferOf) },
    });
    expect(answers.map(({ kind }) => kind)).toEqual(group.orders.map(() => 'posted'));
    for (const answer of answers) expect(isOutcome(answer) && answer.content?.groupId).toBe(group.groupId);
  });

  it('that lacks a transfer leaves the outcome of that transfer unknown', () => {
    const [first] = group.orders.map(transferOf);
    const answers = answersOf(group, { status: 200, body: { groupId: group.groupId, transfers: [first] } });
    expect(answers.map(({ kind }) => kind)).toEqual(group.orders.map((_, index) => (index ? 'unknown' : 'posted')));
  });

  it('that was refused gives its transfers no outcome, and their ids stay free', () => {
    const refusal = { code: 'group_refused', index: 1, refusal: 'insufficient_funds' };
    for (const answer of answersOf(group, { status: 422, body: refusal }))
      expect(answer).toEqual({ kind: 'refused', status: 422, code: 'group_refused' });
  });

  it.each([
    [503, 'ledger_switching', 'refused'],
    [504, 'outcome_unknown', 'unknown'],
  ])('%i %s means the same for all of its transfers: %s', (status, code, kind) => {
    expect(answersOf(group, { status, body: { code } }).map((answer) => answer.kind)).toEqual(
      group.orders.map(() => kind),
    );
  });
});
