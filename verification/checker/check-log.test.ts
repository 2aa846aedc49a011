import { describe, expect, it } from 'vitest';
import type { BookedLog, Books } from './books.ts';
import { checkLogs } from './check-log.ts';
import { Violations } from './violations.ts';

const at = (accountId: string, version: number, isState = false) => ({ accountId, version, isState });
const NOTHING: Books = { transfers: [], accounts: [], changes: [], sums: {}, views: [] };
const LOG: BookedLog = {
  fault: null,
  entries: [
    { key: 'transfer t1', positions: [at('a', 4), at('b', 1)] },
    { key: 'account a', positions: [at('a', 4, true)] },
    { key: 'account b', positions: [at('b', 1, true)] },
    { key: 'transfer t2', positions: [at('b', 2), at('a', 5)] },
  ],
  expected: ['account a', 'account b', 'transfer t1', 'transfer t2'],
};

function violationsOf(log: BookedLog): string[] {
  const violations = new Violations();
  checkLogs({ ...NOTHING, logs: [LOG, log] }, violations);
  return violations.listed.map(({ what }) => what);
}
const [first, stateOfA, stateOfB, last] = LOG.entries as [Entry, Entry, Entry, Entry];
type Entry = BookedLog['entries'][number];

describe('The check of the log', () => {
  it('accepts a log that has everything once and in order', () => {
    expect(violationsOf(LOG)).toEqual([]);
  });

  it.each<[string, Partial<BookedLog>, string]>([
    ['a broken chain', { fault: 'position 2: hash' }, 'position 2: hash'],
    ['a missing entry', { entries: [first, stateOfA, stateOfB] }, 'the log lacks transfer t2'],
    ['an entry twice', { entries: [first, stateOfA, stateOfA, stateOfB, last] }, 'the log has account a twice'],
    [
      'an entry that is not in the books',
      { expected: ['account a', 'account b', 'transfer t1'] },
      'the log has transfer t2, which is not in the books',
    ],
    ['a wrong order', { entries: [last, first, stateOfA, stateOfB] }, 'transfer t1 has version 4 of a instead of 6'],
    [
      'a state that does not agree with the entries before it',
      { entries: [first, { ...stateOfA, positions: [at('a', 5, true)] }, stateOfB, last] },
      'account a has version 5 of a instead of 4',
    ],
  ])('finds %s', (_, damage, what) => {
    expect(violationsOf({ ...LOG, ...damage })).toContain(what);
  });
});
