import { describe, expect, it } from 'vitest';
import type { InDoubtAttempt } from '../../journal/journal-entry.ts';
import { InDoubtAttempts } from './epoch-view.ts';

const attempt = (id: string, accounts = ['a', 'b'], kind: InDoubtAttempt['kind'] = 'transfers') => ({
  inDoubtAttempts: (): InDoubtAttempt[] => [{ kind, id, accounts }],
});
/** The in-doubt attempts, as `id accounts`, sorted. */
const namesOf = (attempts: InDoubtAttempts) =>
  [...new Set(attempts.snapshot().map(({ id, accounts }) => `${id} ${accounts.join('+')}`))].sort();

describe('attempts under way', () => {
  it('are in doubt from the moment they are sent until a reply resolves them', () => {
    const attempts = new InDoubtAttempts();
    const call = [attempt('one'), attempt('two')];
    expect(attempts.none).toBe(true);
    attempts.begin(call);
    expect([attempts.none, attempts.size, namesOf(attempts)]).toEqual([false, 0, ['one a+b', 'two a+b']]);
    attempts.end(call);
    expect([attempts.none, namesOf(attempts)]).toEqual([true, []]);
  });

  it('are resolved call by call: two calls may contain the same transfer', () => {
    const attempts = new InDoubtAttempts();
    const [one, again] = [[attempt('one')], [attempt('one')]];
    attempts.begin(one);
    attempts.begin(again);
    attempts.end(again);
    expect(namesOf(attempts)).toEqual(['one a+b']);
    attempts.end(one);
    expect(attempts.none).toBe(true);
  });
});

describe('attempts that will get no reply', () => {
  it('stay in doubt, each under its id, however often it was tried', () => {
    const attempts = new InDoubtAttempts();
    for (const at of [10, 20]) {
      const call = [attempt('one'), attempt('two')];
      attempts.begin(call);
      attempts.leave(call, 'pod-1', at);
    }
    expect([attempts.none, attempts.size, attempts.oldestSinceMs, namesOf(attempts)]).toEqual([
      false,
      2,
      10,
      ['one a+b', 'two a+b'],
    ]);
  });

  it('are in doubt for all accounts with which the id was tried, whether the attempt was abandoned or is in progress', () => {
    const attempts = new InDoubtAttempts();
    attempts.leave([attempt('one', ['a', 'b'])], 'pod-1', 10);
    attempts.leave([attempt('one', ['c', 'd'])], 'pod-1', 20);
    attempts.begin([attempt('one', ['e', 'f'])]);
    expect(namesOf(attempts)).toEqual(['one a+b', 'one c+d', 'one e+f']);
  });

  it('are resolved by the outcome of their id, whatever accounts they were tried with', () => {
    const attempts = new InDoubtAttempts();
    attempts.leave([attempt('one', ['a', 'b']), attempt('two')], 'pod-1', 10);
    attempts.leave([attempt('one', ['c', 'd'])], 'pod-1', 20);
    attempts.resolved('transfers', 'one');
    expect(namesOf(attempts)).toEqual(['two a+b']);
    attempts.resolved('transfers', 'two');
    expect([attempts.none, attempts.oldestSinceMs]).toEqual([true, null]);
  });

  it('of an account change are distinguished from those of a transfer with the same id', () => {
    const attempts = new InDoubtAttempts();
    attempts.leave([attempt('one')], 'pod-1', 10);
    attempts.leave([attempt('one', ['a'], 'account-change')], 'pod-1', 10);
    expect(attempts.size).toBe(2);
    attempts.resolved('transfers', 'one');
    expect(namesOf(attempts)).toEqual(['one a']);
    attempts.resolved('account-change', 'one');
    expect(attempts.none).toBe(true);
  });
});

describe('a retired pod id', () => {
  it('ends the attempts left under it once MySQL has everything that they may have written', () => {
    const attempts = new InDoubtAttempts();
    attempts.leave([attempt('one')], 'pod-1', 10);
    attempts.endAt('pod-1', 7);
    attempts.advance(6);
    expect(namesOf(attempts)).toEqual(['one a+b']);
    attempts.advance(7);
    expect(attempts.none).toBe(true);
  });

  it('does not end an attempt that may still run under another pod id', () => {
    const attempts = new InDoubtAttempts();
    attempts.leave([attempt('one')], 'pod-1', 10);
    attempts.leave([attempt('one')], 'pod-2', 20);
    attempts.endAt('pod-1', 7);
    attempts.advance(100);
    expect(namesOf(attempts)).toEqual(['one a+b']);
    attempts.endAt('pod-2', 200);
    attempts.advance(199);
    expect(namesOf(attempts)).toEqual(['one a+b']);
    attempts.advance(200);
    expect(attempts.none).toBe(true);
  });

  it('is the only one whose attempts end: those of other pod ids stay in doubt, wherever the cursor is', () => {
    const attempts = new InDoubtAttempts();
    attempts.leave([attempt('one')], 'pod-1', 10);
    attempts.advance(1_000);
    expect(attempts.size).toBe(1);
  });

  it('ends an attempt once the cursor has reached the highest seq of all pod ids that it was tried under', () => {
    const attempts = new InDoubtAttempts();
    for (const podId of ['pod-1', 'pod-2']) attempts.leave([attempt('one')], podId, 10);
    attempts.endAt('pod-2', 9);
    attempts.endAt('pod-1', 5);
    attempts.advance(5);
    expect(attempts.size).toBe(1);
    attempts.advance(9);
    expect(attempts.none).toBe(true);
  });

  it('also ends attempts that were left under it after its retirement, such as one whose reply came too late', () => {
    const attempts = new InDoubtAttempts();
    const late = [attempt('one')];
    attempts.begin(late);
    attempts.endAt('pod-1', 7);
    attempts.advance(7);
    attempts.leave(late, 'pod-1', 10);
    attempts.endAt('pod-1', 7);
    attempts.advance(7);
    expect(attempts.none).toBe(true);
  });

  it('excludes its attempts from the age of the oldest attempt, because they only wait for the cursor', () => {
    const attempts = new InDoubtAttempts();
    attempts.leave([attempt('one')], 'pod-1', 10);
    attempts.endAt('pod-1', 7);
    expect([attempts.size, attempts.oldestSinceMs]).toEqual([1, null]);
    attempts.leave([attempt('two')], 'pod-2', 30);
    expect(attempts.oldestSinceMs).toBe(30);
  });
});
