import { beforeEach, describe, expect, it } from 'vitest';
import type { BookedHoldEvent } from './books.ts';
import { check, checkBooks } from './check.ts';
import { withoutGivenUp } from './given-up.ts';
import { at, booked, refused, unknown } from './testing/sound.ts';
import { captureContent, END, SoundHold, STATES } from './testing/sound-hold.ts';

let sound: SoundHold;
beforeEach(() => {
  sound = new SoundHold();
});
/** The kinds of violations found, in alphabetical order. */
const found = () => Object.keys(check(sound.history, sound.books).counts).sort();
const inBooks = () => [...new Set(checkBooks(sound.history.accounts, sound.books).map(({ kind }) => kind))].sort();

it('a sound history of a hold is valid', () => {
  expect(check(sound.history, sound.books)).toMatchObject({ verdict: 'valid', ok: 5, violations: [] });
});

describe('what an account holds', () => {
  it('held: the held amount is not the sum of the open holds', () => {
    Object.assign(sound.event('CHANGED'), { held: 24, heldChange: 4 });
    expect(inBooks()).toEqual(['held', 'hold']);
  });
  it('held: the held amount is not the sum of the open holds at the end', () => {
    sound.move('a', { held: 1 });
    expect(inBooks()).toEqual(['held']);
  });
  it('overdrawn: a transfer pays out the held amount', () => {
    const content = { source: 'a', destination: 'b', amount: 46, currency: 'EUR' };
    const row = { transactionId: 't9', correlationId: 'c9', content, acceptedAt: 5, refusal: null };
    sound.withoutVoid();
    sound.books.transfers.push({ ...row, source: booked(14, 6), destination: booked(86, 3) });
    sound.move('a', at(14, 6));
    sound.move('b', at(86, 3));
    expect(inBooks()).toEqual(['overdrawn']);
    Object.assign(content, { amount: 45 });
    Object.assign(sound.row('t9'), { source: booked(15, 6), destination: booked(85, 3) });
    sound.move('a', at(15, 6));
    sound.move('b', at(85, 3));
    expect(inBooks()).toEqual([]);
  });
  it('overdrawn: a hold reserves more than is available', () => {
    for (const account of sound.history.accounts) if (account.accountId === 'a') account.overdraftLimit = -46;
    expect(inBooks()).toContain('overdrawn');
  });
  it('gap: a version occurs twice', () => {
    Object.assign(sound.event('CHANGED'), { version: 5 });
    expect(inBooks()).toContain('gap');
  });
  it('not in the history: a read shows an amount that was never held', () => {
    const read = { accountId: 'a', ...at(60, 5), sentAt: 27, endedAt: 28, stale: true, by: 'a read' };
    sound.history.reads.push({ ...read, held: 15 });
    expect(found()).toEqual([]);
    sound.history.reads.push({ ...read, held: 14 });
    expect(found()).toEqual(['not-in-history']);
  });
});

describe('the events of a hold', () => {
  const expired = (acceptedAt: number): BookedHoldEvent => ({
    ...sound.event('VOIDED'),
    kind: 'EXPIRED',
    acceptedAt,
    hold: { ...STATES[3], status: 'EXPIRED' },
  });
  const expire = (acceptedAt: number) => {
    const event = expired(acceptedAt);
    sound.withoutVoid();
    sound.events.push(event);
    sound.placed.hold = event.hold;
    sound.move('a', { ...at(60, 6), held: 0 });
  };
  it('may end with an expiry, which nobody requests', () => {
    expire(END);
    expect(found()).toEqual([]);
  });
  it('hold: it expires too early', () => {
    expire(END - 1);
    expect(found()).toEqual(['hold']);
  });
  it('hold: it is captured after its expiry time', () => {
    Object.assign(sound.row('c1'), { acceptedAt: END });
    Object.assign(sound.event('VOIDED'), { acceptedAt: END });
    expect(found()).toEqual(['hold']);
  });
  it('hold: it is captured and expires', () => {
    expire(END);
    const row = sound.row('c1');
    const content = {
      ...captureContent(),
      amount: 15,
      capture: { holdId: 'h', amount: null, destination: null, final: true },
    };
    const hold = { hold: { ...STATES[3], status: 'CAPTURED', captured: 25, revision: 5 } as const, held: 0 };
    const late = { content, source: booked(45, 7), destination: booked(55, 3), acceptedAt: END };
    sound.books.transfers.push({ ...row, transactionId: 'c2', ...late, hold: { ...hold, heldChange: 0 } });
    sound.placed.hold = hold.hold;
    sound.move('a', at(45, 7));
    sound.move('b', at(55, 3));
    expect(inBooks()).toContain('hold');
  });
  it('hold: more is captured than was left', () => {
    const content = {
      ...captureContent(),
      amount: 26,
      capture: { holdId: 'h', amount: 26, destination: null, final: false },
    };
    const hold = { ...STATES[2], captured: 26 };
    Object.assign(sound.row('c1'), {
      content,
      source: booked(44, 5),
      destination: booked(56, 2),
      hold: { hold, held: -1, heldChange: -26 },
    });
    Object.assign(sound.event('VOIDED'), { balance: 44, heldChange: 1, hold: { ...STATES[3], captured: 26 } });
    sound.placed.hold = { ...STATES[3], captured: 26 };
    sound.move('a', at(44, 6));
    sound.move('b', at(56, 2));
    expect(inBooks()).toContain('hold');
  });
  it('hold: a final capture leaves the rest held', () => {
    const capture = { holdId: 'h', amount: 10, destination: null, final: true };
    for (const { content } of [sound.row('c1'), ...sound.transfer('c1').attempts]) Object.assign(content, { capture });
    expect(found()).toEqual(['hold']);
  });
  it('hold: it is changed after it was voided', () => {
    Object.assign(sound.event('CHANGED'), { hold: { ...STATES[1], status: 'VOIDED' } });
    expect(inBooks()).toContain('hold');
  });
  it('hold: its row does not show the state after its last event', () => {
    sound.placed.hold = STATES[2];
    expect(inBooks()).toEqual(['hold']);
  });
  it('hold: its expiry time is neither the requested one nor the default of 7 days', () => {
    sound.placed.content.expiresAt = null;
    expect(inBooks()).toEqual(['hold']);
    for (const one of [...sound.events, sound.placed, sound.row('c1').hold])
      if (one?.hold) one.hold = { ...one.hold, expiresAt: 4 + 7 * 86_400_000 };
    expect(inBooks()).toEqual([]);
  });
  it('hold: it is captured to another destination', () => {
    sound.placed.content.destination = 'world';
    expect(inBooks()).toEqual(['hold']);
  });
  it('gap: an event is missing', () => {
    sound.events.splice(sound.events.indexOf(sound.event('CHANGED')), 1);
    expect(inBooks()).toContain('gap');
  });
  it('phantom: a hold is missing, but its events exist', () => {
    sound.holds.pop();
    expect(inBooks()).toEqual(['phantom']);
  });
  it('rules: a hold is placed on a suspended account', () => {
    const suspended = { accountId: 'a', settingsVersion: 2, overdraftLimit: 0, status: 'SUSPENDED' } as const;
    sound.books.changes.push({ ...suspended, correlationId: 'k1' });
    sound.move('a', suspended);
    for (const event of sound.events) event.settingsVersion = 2;
    Object.assign(sound.row('c1').source ?? {}, { settingsVersion: 2 });
    expect(inBooks()).toEqual(['rules']);
    // A suspended account allows captures and voids.
    Object.assign(sound.event('PLACED'), { settingsVersion: 1 });
    Object.assign(sound.event('CHANGED'), { settingsVersion: 1 });
    expect(inBooks()).toEqual([]);
  });
});

describe('answers about a hold', () => {
  it('lost: a hold was reported as placed, but is not in MySQL', () => {
    sound.withoutVoid();
    sound.events.splice(0);
    sound.holds.splice(0);
    sound.deleteRow('c1');
    sound.move('a', at(70, 2));
    sound.move('b', at(30, 1));
    expect(found()).toContain('lost');
  });
  it('lost: a void was reported as made, but is not in MySQL', () => {
    const { requests } = sound.hold;
    const [voided] = requests.slice(2);
    sound.withoutVoid();
    if (voided) requests.push(voided);
    expect(found()).toEqual(['lost']);
  });
  it('not in the history: a read shows a state that the hold never had', () => {
    sound.answerTo('read').answer = { kind: 'held', hold: { ...STATES[3], status: 'CAPTURED' } };
    expect(found()).toEqual(['not-in-history']);
  });
  it('stale: a read shows an older state than an earlier answer', () => {
    sound.answerTo('read').answer = { kind: 'held', hold: STATES[1] };
    expect(found()).toEqual(['stale']);
    sound.answerTo('read').answer = { kind: 'held', hold: STATES[1], stale: true };
    expect(found()).toEqual([]);
  });
  it('doubled: it was placed twice', () => {
    const placing = sound.answerTo('place');
    sound.hold.requests.push({ ...placing });
    expect(found()).toContain('doubled');
  });
  it('contradicted: it was reported as refused, but is in MySQL', () => {
    sound.answerTo('place').answer = { kind: 'rejected', code: 'insufficient_funds' };
    expect(found()).toEqual(['contradicted']);
  });
  it('contradicted: 409 for a hold that was never sent with other content', () => {
    const { content } = sound.placed;
    const again = { op: 'place', content, correlationId: 'h9' } as const;
    sound.request(again, refused(409) as { kind: 'refused'; status: number; code: string });
    expect(found()).toEqual(['contradicted']);
    Object.assign(sound.hold.requests.at(-1) ?? {}, { content: { ...content, amount: 21 } });
    expect(found()).toEqual([]);
  });
  it('contradicted: a change is in MySQL with other values', () => {
    Object.assign(sound.answerTo('change'), { amount: 26 });
    expect(found()).toEqual(['contradicted']);
  });
  it('rules: a change was made on a revision other than the expected one', () => {
    Object.assign(sound.answerTo('change'), { expectedRevision: 2 });
    expect(found()).toEqual(['rules']);
  });
  it('phantom: no client placed or changed the hold, or every attempt was refused', () => {
    Object.assign(sound.answerTo('place'), { answer: refused(503) });
    expect(found()).toEqual(['phantom']);
    Object.assign(sound.answerTo('place'), { answer: unknown });
    expect(found()).toEqual([]);
    Object.assign(sound.answerTo('change'), { answer: refused(503) });
    expect(found()).toEqual(['phantom']);
    Object.assign(sound.answerTo('change'), { answer: unknown, correlationId: 'other' });
    expect(found()).toEqual(['phantom']);
    sound.history.holds.clear();
    expect(found()).toEqual(['phantom']);
  });
  it('denied: a hold was reported as placed, and a later request did not find it', () => {
    sound.request({ op: 'read' }, { kind: 'absent' });
    expect(found()).toEqual(['denied']);
  });
  it('hold: a hold is reported as voided, but is not', () => {
    sound.answerTo('void').answer = { kind: 'held', hold: STATES[2] };
    expect(found()).toContain('hold');
  });
  it('hold: a capture is refused because of a state that its hold never had', () => {
    const refusal = {
      transactionId: 'c2',
      correlationId: 'h8',
      content: captureContent(),
      acceptedAt: 5,
      source: null,
    };
    sound.books.transfers.push({ ...refusal, destination: null, refusal: 'hold_expired' });
    sound.attempt('c2', { content: captureContent(), correlationId: 'h8' });
    expect(found()).toEqual(['hold']);
    Object.assign(sound.row('c2'), { refusal: 'hold_not_open' });
    expect(found()).toEqual([]);
  });
  it('unknown: it is not known whether a hold was placed', () => {
    const { content } = sound.placed;
    const placing = { op: 'place', content, correlationId: 'h9', sentAt: 30, endedAt: 31 } as const;
    sound.history.ofHold('other').requests.push({ ...placing, answer: { kind: 'unknown', reason: 'lost' } });
    expect(check(sound.history, sound.books)).toMatchObject({ verdict: 'unknown', unknown: 1 });
  });
});

describe('the part of a hold that an operator gave up', () => {
  it('does not count, but everything else still does', () => {
    sound.withoutVoid();
    sound.request({ op: 'void', correlationId: 'h4' }, { kind: 'held', hold: STATES[3] });
    sound.request({ op: 'read' }, { kind: 'held', hold: STATES[3] });
    const accounts = new Map([['a', { version: 5, settingsVersion: 1 }]]);
    const without = (moment: number) =>
      withoutGivenUp(sound.history, {
        ...{ at: moment, transactionIds: new Set<string>(), accounts },
        holds: new Map([['h', 3]]),
      });
    expect(check(without(100), sound.books).violations).toEqual([]);
    expect(Object.keys(check(without(0), sound.books).counts)).toContain('lost');
  });
  it('may be the whole hold', () => {
    sound.withoutVoid();
    for (const list of [sound.events, sound.holds]) list.splice(0);
    sound.deleteRow('c1');
    sound.move('a', { ...at(70, 2), held: 0 });
    sound.move('b', at(30, 1));
    const accounts = new Map([['a', { version: 2, settingsVersion: 1 }]]);
    const givenUp = { at: 100, transactionIds: new Set(['c1']), accounts, holds: new Map<string, number>() };
    expect(check(withoutGivenUp(sound.history, givenUp), sound.books).violations).toEqual([]);
    expect(found()).toContain('lost');
  });
  it('never includes a hold of an account that was not frozen', () => {
    sound.withoutVoid();
    for (const list of [sound.events, sound.holds]) list.splice(0);
    sound.deleteRow('c1');
    sound.move('a', { ...at(70, 2), held: 0 });
    sound.move('b', at(30, 1));
    const accounts = new Map([['b', { version: 1, settingsVersion: 1 }]]);
    const givenUp = { at: 100, transactionIds: new Set(['c1']), accounts, holds: new Map<string, number>() };
    expect(Object.keys(check(withoutGivenUp(sound.history, givenUp), sound.books).counts)).toContain('lost');
  });
});

describe('limits', () => {
  const limited = (dailyDebitMax: number, dayDebit: number, businessDays: number[], dayStart = 1) => {
    for (const account of sound.history.accounts) if (account.accountId === 'a') account.dailyDebitMax = dailyDebitMax;
    sound.books.businessDays = businessDays;
    sound.move('a', { counted: { dayStart, dayDebit } });
    return inBooks();
  };
  it('count a hold when it is placed or raised, and give back what is released without a capture', () => {
    // 30 were paid out, 25 were held, and 10 of these were captured.
    expect(limited(55, 40, [1])).toEqual([]);
    expect(limited(54, 40, [1])).toEqual(['limits']);
    expect(limited(55, 55, [1])).toEqual(['limits']);
    expect(limited(55, 30, [1])).toEqual(['limits']);
  });
  it('give back to a day that has ended only if nothing has been counted since then', () => {
    expect(limited(55, 0, [1, 5], 5)).toEqual([]);
    sound.event('VOIDED').acceptedAt = 6;
    expect(limited(55, 40, [1, 5])).toEqual([]);
  });
});
