import { describe, expect, it } from 'vitest';
import type { InDoubtAttempt } from '../../journal/journal-entry.ts';
import { InDoubtAttempts } from './epoch-memory.ts';

const attempt = (id: string, accounts = ['a', 'b'], kind: InDoubtAttempt['kind'] = 'transfers') => ({
  doubt: (): InDoubtAttempt => ({ kind, id, accounts }),
});
/** What is in doubt, as `id accounts`, sorted. */
const told = (doubts: InDoubtAttempts) =>
  [...new Set(doubts.snapshot().map(({ id, accounts }) => `${id} ${accounts.join('+')}`))].sort();

describe('attempts under way', () => {
  it('are in doubt from the moment that they are handed over until a reply has told of them', () => {
    const doubts = new InDoubtAttempts();
    const call = [attempt('one'), attempt('two')];
    expect(doubts.none).toBe(true);
    doubts.begin(call);
    expect([doubts.none, doubts.size, told(doubts)]).toEqual([false, 0, ['one a+b', 'two a+b']]);
    doubts.end(call);
    expect([doubts.none, told(doubts)]).toEqual([true, []]);
  });

  it('are told of call by call: the same transfer may be in two', () => {
    const doubts = new InDoubtAttempts();
    const [one, again] = [[attempt('one')], [attempt('one')]];
    doubts.begin(one);
    doubts.begin(again);
    doubts.end(again);
    expect(told(doubts)).toEqual(['one a+b']);
    doubts.end(one);
    expect(doubts.none).toBe(true);
  });
});

describe('attempts that no reply will tell of', () => {
  it('stay in doubt, each under its id, however often it was tried', () => {
    const doubts = new InDoubtAttempts();
    for (const at of [10, 20]) {
      const call = [attempt('one'), attempt('two')];
      doubts.begin(call);
      doubts.leave(call, 'pod-1', at);
    }
    expect([doubts.none, doubts.size, doubts.oldestSinceMs, told(doubts)]).toEqual([
      false,
      2,
      10,
      ['one a+b', 'two a+b'],
    ]);
  });

  it('are in doubt for all accounts that the id was tried on, left or still under way', () => {
    const doubts = new InDoubtAttempts();
    doubts.leave([attempt('one', ['a', 'b'])], 'pod-1', 10);
    doubts.leave([attempt('one', ['c', 'd'])], 'pod-1', 20);
    doubts.begin([attempt('one', ['e', 'f'])]);
    expect(told(doubts)).toEqual(['one a+b', 'one c+d', 'one e+f']);
  });

  it('are settled by the outcome of their id, whatever accounts they were tried on', () => {
    const doubts = new InDoubtAttempts();
    doubts.leave([attempt('one', ['a', 'b']), attempt('two')], 'pod-1', 10);
    doubts.leave([attempt('one', ['c', 'd'])], 'pod-1', 20);
    doubts.resolved('transfers', 'one');
    expect(told(doubts)).toEqual(['two a+b']);
    doubts.resolved('transfers', 'two');
    expect([doubts.none, doubts.oldestSinceMs]).toEqual([true, null]);
  });

  it('of an account change are apart from those of a transfer with the same id', () => {
    const doubts = new InDoubtAttempts();
    doubts.leave([attempt('one')], 'pod-1', 10);
    doubts.leave([attempt('one', ['a'], 'account-change')], 'pod-1', 10);
    expect(doubts.size).toBe(2);
    doubts.resolved('transfers', 'one');
    expect(told(doubts)).toEqual(['one a']);
    doubts.resolved('account-change', 'one');
    expect(doubts.none).toBe(true);
  });
});

describe('a pod id that is retired', () => {
  it('ends what was left under it, once all that it can have written is in MySQL', () => {
    const doubts = new InDoubtAttempts();
    doubts.leave([attempt('one')], 'pod-1', 10);
    doubts.endAt('pod-1', 7);
    doubts.advance(6);
    expect(told(doubts)).toEqual(['one a+b']);
    doubts.advance(7);
    expect(doubts.none).toBe(true);
  });

  it('ends nothing that may still run under another one', () => {
    const doubts = new InDoubtAttempts();
    doubts.leave([attempt('one')], 'pod-1', 10);
    doubts.leave([attempt('one')], 'pod-2', 20);
    doubts.endAt('pod-1', 7);
    doubts.advance(100);
    expect(told(doubts)).toEqual(['one a+b']);
    doubts.endAt('pod-2', 200);
    doubts.advance(199);
    expect(told(doubts)).toEqual(['one a+b']);
    doubts.advance(200);
    expect(doubts.none).toBe(true);
  });

  it('that is not retired holds what was left, whatever the cursor', () => {
    const doubts = new InDoubtAttempts();
    doubts.leave([attempt('one')], 'pod-1', 10);
    doubts.advance(1_000);
    expect(doubts.size).toBe(1);
  });

  it('takes the highest seq of those that it was tried under', () => {
    const doubts = new InDoubtAttempts();
    for (const podId of ['pod-1', 'pod-2']) doubts.leave([attempt('one')], podId, 10);
    doubts.endAt('pod-2', 9);
    doubts.endAt('pod-1', 5);
    doubts.advance(5);
    expect(doubts.size).toBe(1);
    doubts.advance(9);
    expect(doubts.none).toBe(true);
  });

  it('ends what is left under it only later, as a reply that came too late, too', () => {
    const doubts = new InDoubtAttempts();
    const late = [attempt('one')];
    doubts.begin(late);
    doubts.endAt('pod-1', 7);
    doubts.advance(7);
    doubts.leave(late, 'pod-1', 10);
    doubts.endAt('pod-1', 7);
    doubts.advance(7);
    expect(doubts.none).toBe(true);
  });

  it('need not be replaced for what only waits for the cursor', () => {
    const doubts = new InDoubtAttempts();
    doubts.leave([attempt('one')], 'pod-1', 10);
    doubts.endAt('pod-1', 7);
    expect([doubts.size, doubts.oldestSinceMs]).toEqual([1, null]);
    doubts.leave([attempt('two')], 'pod-2', 30);
    expect(doubts.oldestSinceMs).toBe(30);
  });
});
