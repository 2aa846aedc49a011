import { beforeEach, describe, expect, it } from 'vitest';
import { check } from './check.ts';
import { type GivenUp, withoutGivenUp } from './given-up.ts';
import { at, booked, posted, refused, Sound, unknown } from './testing/sound.ts';

let sound: Sound;
beforeEach(() => {
  sound = new Sound();
});

const verdict = () => check(sound.history, sound.books);
/** The kinds of violations found, in alphabetical order. */
const found = () => Object.keys(verdict().counts).sort();

describe('a sound history', () => {
  it('is valid', () => {
    expect(verdict()).toMatchObject({ verdict: 'valid', ok: 3, failed: 0, unknown: 0, onceUnknown: 1, violations: [] });
  });
  it('may have refused ids that are not in MySQL', () => {
    sound.attempt('t4', { answer: refused(404) });
    expect(verdict()).toMatchObject({ verdict: 'valid', failed: 1 });
  });
  it('has no violation, but does not count as valid, while no answer shows an outcome that MySQL has', () => {
    sound.transfer('t2').attempts.pop();
    sound.row('t2').correlationId = 'c2';
    sound.history.reads.splice(0);
    expect(verdict()).toMatchObject({ verdict: 'unknown', unknown: 1, violations: [] });
  });
  it('may have an unknown outcome that is in no store, if a lookup after the end of the attempt finds nothing', () => {
    sound.attempt('t4', { sentAt: 1, endedAt: 2 });
    sound.attempt('t4', { sentAt: 5, endedAt: 6, answer: refused(404) });
    sound.lookUp('t4', 10);
    expect(verdict()).toMatchObject({ verdict: 'unknown', unknown: 1 });
    sound.lookUp('t4', 11);
    expect(verdict()).toMatchObject({ verdict: 'valid', failed: 1, onceUnknown: 2 });
    sound.attempt('t4', { sentAt: 12, endedAt: 13 });
    expect(verdict()).toMatchObject({ verdict: 'unknown', unknown: 1 });
  });
  it('may have outdated reads that are marked as stale', () => {
    sound.read('a', at(100, 1), 8, true);
    expect(found()).toEqual([]);
  });
  it('may have an older state in an answer than in another answer that arrived while the request was in progress', () => {
    sound.read('a', at(100, 1), 4.5);
    expect(found()).toEqual([]);
  });
  it('may contain a replay of a transfer, and a 409 for other content under its id', () => {
    sound.attempt('t2', { answer: { ...posted(at(70, 2), at(30, 1)), replayed: true } });
    sound.attempt('t2', { content: { ...sound.row('t2').content, amount: 31 }, answer: refused(409) });
    expect(found()).toEqual([]);
  });
});

describe('answers', () => {
  it('lost: an outcome is not in MySQL', () => {
    sound.deleteRow('t3');
    expect(verdict()).toMatchObject({ verdict: 'invalid', lost: 1, counts: { lost: 1 } });
  });
  it('lost: a posting is missing, and so is its effect on the balances', () => {
    sound.deleteRow('t2');
    sound.move('a', at(100, 1));
    sound.move('b', at(0, 0));
    expect(found()).toEqual(['lost', 'not-in-history']);
  });
  it('doubled: a transfer is in MySQL twice', () => {
    sound.books.transfers.push(sound.row('t3'));
    expect(verdict()).toMatchObject({ verdict: 'invalid', doubled: 1 });
  });
  it('doubled: a transfer is posted again under the same id', () => {
    sound.attempt('t2', { answer: posted(at(40, 3), at(60, 2)) });
    expect(verdict()).toMatchObject({ verdict: 'invalid', doubled: 1 });
  });
  it('doubled: two answers report the transfer as newly posted', () => {
    const answer = { ...posted(at(70, 2), at(30, 1)), replayed: false };
    sound.attempt('t2', { answer });
    expect(found()).toEqual([]);
    sound.attempt('t2', { answer });
    expect(found()).toEqual(['doubled']);
  });
  it('doubled: the balances moved twice, but the row exists once', () => {
    sound.move('a', at(40, 3));
    sound.move('b', at(60, 2));
    expect(found()).toEqual(['balance']);
  });
  it('contradicted: another outcome', () => {
    sound.attempt('t3', { answer: { kind: 'rejected', code: 'account_frozen' } });
    expect(found()).toEqual(['contradicted']);
  });
  it('contradicted: an answer shows a time or settings that differ from those in MySQL', () => {
    const answer = posted(at(70, 2), at(30, 1));
    sound.attempt('t2', { answer: { ...answer, acceptedAt: 2, source: booked(70, 2) } });
    expect(found()).toEqual([]);
    sound.attempt('t2', { answer: { ...answer, acceptedAt: 3 } });
    expect(found()).toEqual(['contradicted']);
    sound.transfer('t2').attempts.pop();
    sound.attempt('t2', { answer: { ...answer, source: booked(70, 2, 2) } });
    expect(found()).toContain('contradicted');
  });
  it('contradicted: the content in the answer differs from that of the request', () => {
    const content = { ...sound.row('t3').content, amount: 41 };
    sound.attempt('t3', { answer: { kind: 'rejected', code: 'insufficient_funds', content } });
    expect(found()).toEqual(['contradicted']);
  });
  it('contradicted: 409 for the same content', () => {
    sound.attempt('t2', { answer: refused(409) });
    expect(found()).toEqual(['contradicted']);
  });
  it('contradicted: 409 for an id that MySQL does not have', () => {
    sound.attempt('t4', { answer: refused(409) });
    expect(found()).toEqual(['contradicted']);
  });
  it('contradicted: other content in MySQL', () => {
    sound.row('t3').content = { ...sound.row('t3').content, amount: 41 };
    expect(found()).toEqual(['contradicted']);
  });
  it('contradicted: a transfer is reported as rejected, but stored as posted', () => {
    Object.assign(sound.row('t3'), { refusal: null, source: booked(-10, 2), destination: booked(110, 3) });
    expect(found()).toEqual(['balance', 'contradicted', 'overdrawn']);
  });
});

describe('what no answer confirmed', () => {
  it('phantom: nobody sent it', () => {
    sound.history.transfers.delete('t3');
    expect(found()).toEqual(['phantom']);
  });
  it('phantom: a lookup did not find the id, but it is in MySQL', () => {
    sound.transfer('t3').attempts.splice(0);
    sound.attempt('t3', { ...row3(), sentAt: 6, endedAt: 7, answer: unknown });
    expect(found()).toEqual([]);
    sound.lookUp('t3', 60);
    expect(found()).toEqual(['phantom']);
  });
  it.each([400, 404, 429, 503])('phantom: every attempt was refused with %i', (status) => {
    for (const attempt of sound.transfer('t3').attempts) attempt.answer = refused(status);
    expect(found()).toEqual(['phantom']);
  });
  it('phantom: a transfer is stored for an attempt that was refused, or that was never sent', () => {
    sound.attempt('t3', { correlationId: 'c5', answer: refused(503) });
    sound.row('t3').correlationId = 'c5';
    expect(found()).toEqual(['phantom']);
    sound.row('t3').correlationId = 'c6';
    expect(found()).toEqual(['phantom']);
  });
  const row3 = () => ({ content: sound.row('t3').content, correlationId: 'c4' });
});

describe('what exists', () => {
  it('denied: a lookup does not find an id whose outcome was reported', () => {
    sound.lookUp('t2', 6);
    expect(found()).toEqual(['denied']);
  });
  it('may be missing from a lookup that was sent before any answer reported it', () => {
    sound.lookUp('t2', 1);
    expect(found()).toEqual([]);
  });
  it('denied: an account that had been opened is not found', () => {
    const answer = { kind: 'refused', status: 404, code: 'account_not_found' } as const;
    sound.attempt('t4', { answer });
    expect(found()).toEqual(['denied']);
    sound.transfer('t4').attempts.splice(0);
    sound.attempt('t4', { content: { ...sound.row('t1').content, destination: 'nobody' }, answer });
    expect(found()).toEqual([]);
  });
});

describe('the order of answers', () => {
  it('stale: a read shows an older state than an answer that arrived before it was sent', () => {
    sound.read('a', at(100, 1), 8);
    expect(found()).toEqual(['stale']);
  });
  it('stale: a posting is older than one that was reported before it was sent', () => {
    for (const attempt of sound.transfer('t1').attempts) Object.assign(attempt, { sentAt: 20, endedAt: 21 });
    expect(found()).toEqual(['stale']);
  });
  it.each([false, true])('not in the history: a read shows a balance that never existed, stale: %s', (stale) => {
    sound.read('a', at(71, 2), 8, stale);
    expect(found()).toEqual(['not-in-history']);
  });
  it('not in the history: a read shows settings that never existed', () => {
    const read = { accountId: 'a', ...at(70, 2), sentAt: 8, endedAt: 9, stale: false, by: 'a read' };
    sound.history.reads.push({ ...read, settings: { settingsVersion: 1, overdraftLimit: 0, status: 'ACTIVE' } });
    expect(found()).toEqual([]);
    sound.history.reads.push({ ...read, settings: { settingsVersion: 1, overdraftLimit: 1, status: 'ACTIVE' } });
    expect(found()).toEqual(['not-in-history']);
  });
});

describe('what waits for a journal', () => {
  it('is not lost', () => {
    sound.deleteRow('t2');
    sound.move('a', at(100, 1));
    sound.move('b', at(0, 0));
    const waiting = { accounts: new Set(['a', 'b']), transactionIds: new Set(['t2']) };
    expect(check(sound.history, { ...sound.books, waiting }).counts).toEqual({});
    expect(check(sound.history, { ...sound.books, waiting: { ...waiting, accounts: new Set() } }).counts).toEqual({
      'not-in-history': 3,
    });
    expect(check(sound.history, { ...sound.books, waiting: { ...waiting, transactionIds: new Set() } }).lost).toBe(1);
  });
});

describe('what an operator gave up', () => {
  /** The outcome of t2 was reported, and t2 is gone with its effect. */
  beforeEach(() => {
    sound.deleteRow('t2');
    sound.move('a', at(100, 1));
    sound.move('b', at(0, 0));
  });
  const without = (ids: string[], moment: number, more: Partial<GivenUp> = {}) =>
    check(withoutGivenUp(sound.history, { transactionIds: new Set(ids), at: moment, ...more }), sound.books);

  it('does not count as lost, and the reads that saw it are ignored', () => {
    expect(without(['t2'], 10)).toMatchObject({ verdict: 'valid', ok: 2, failed: 1, violations: [] });
  });
  it('excuses nothing else', () => {
    expect(without([], 10).lost).toBe(1);
    expect(without(['t1'], 10).lost).toBe(1);
  });
  it('excuses nothing that was sent afterwards', () => {
    expect(without(['t2'], 3.5).lost).toBe(1);
  });
  it('excuses only reads of versions later than the one that MySQL had, if that one is known', () => {
    const accounts = new Map([['a', { version: 1, settingsVersion: 1 }]]);
    expect(without(['t2'], 10, { accounts }).verdict).toBe('valid');
    sound.read('a', at(101, 1), 4.5);
    expect(without(['t2'], 10).verdict).toBe('valid');
    expect(without(['t2'], 10, { accounts }).counts).toEqual({ 'not-in-history': 1 });
  });
  it('must nevertheless not be in MySQL', () => {
    expect(
      Object.keys(
        check(withoutGivenUp(new Sound().history, { transactionIds: new Set(['t2']), at: 10 }), new Sound().books)
          .counts,
      ),
    ).toContain('phantom');
  });
});
