import { beforeEach, describe, expect, it } from 'vitest';
import { check, checkBooks } from './check.ts';
import { at, booked } from './testing/sound.ts';
import { SoundCrossings } from './testing/sound-crossings.ts';

let sound: SoundCrossings;
beforeEach(() => {
  sound = new SoundCrossings();
});

const found = () => Object.keys(check(sound.history, sound.books).counts).sort();
/** The violations found in the legs of transfers between shards. */
const said = () =>
  checkBooks(sound.history.accounts, sound.books)
    .filter(({ kind }) => kind === 'crossing')
    .map(({ what }) => what);

it('a transfer that arrived, and one that came back, are correct', () => {
  expect(found()).toEqual([]);
});

describe('errors in the legs', () => {
  it('`in` without `out`', () => {
    sound.remove('t1');
    expect(said()).toContain('t1 never left, but has the leg in');
    expect(found()).toContain('lost');
  });
  it('`in` although `out` was refused', () => {
    Object.assign(sound.leg('t1'), { refusal: 'account_frozen', source: null, destination: null });
    expect(said()).toContain('t1 never left, but has the leg in');
  });
  it('`out` that ended nowhere', () => {
    sound.remove('t1~0');
    expect(said()).toContain('t1 left, and did not arrive anywhere');
  });
  it('paid and returned', () => {
    Object.assign(sound.leg('t2~1'), { refusal: null, source: booked(60, 2), destination: booked(-60, 2) });
    expect(said()).toContain('t2 has ended as in and back');
    expect(said()).toContain('t2 came back, but its destination has not refused it');
    expect(found()).toContain('contradicted');
  });
  it('a transfer that is in the account of returns, but could come back', () => {
    sound.leg('t2~back').leg.name = 'returns';
    expect(said()).toContain('t2 is in the account of returns, but could come back');
  });
  it('another amount', () => {
    sound.leg('t1~0').content.amount = 99;
    expect(said()).toContain('t1 moved 100 EUR with out, but 99 EUR with in');
    expect(found()).toContain('arithmetic');
  });
  it('other accounts', () => {
    const { leg } = sound.leg('t1~0');
    leg.content = { ...leg.content, destination: 'c' };
    expect(said()).toEqual(['t1 goes from world to b, but its leg in does not']);
  });
  it('a leg that exists twice', () => {
    sound.books.transfers.push({ ...sound.leg('t1~0'), transactionId: 't1~9' });
    expect(said()).toContain('t1 has a leg more than once');
  });
});

describe('the answers', () => {
  it('show the outcome that all legs add up to', () => {
    const [attempt] = sound.history.of('t2').attempts;
    Object.assign(attempt ?? {}, { answer: { kind: 'rejected', code: 'insufficient_funds' } });
    expect(found()).toEqual(['contradicted']);
  });
  it('show both sides as they are after the transfer', () => {
    const [attempt] = sound.history.of('t1').attempts;
    Object.assign(attempt ?? {}, { answer: { kind: 'posted', source: at(-100, 1), destination: at(99, 1) } });
    expect(found()).toEqual(['contradicted', 'not-in-history']);
  });
});

it.each([
  ['FROZEN', []],
  ['CLOSED', [{ kind: 'rules' }]],
] as const)('an account that gets back what it had sent may be frozen, but not closed: %s', (status, violations) => {
  const settings = { settingsVersion: 2, overdraftLimit: 0, status };
  Object.assign(sound.leg('t2~back'), { destination: booked(100, 3, 2) });
  Object.assign(sound.books, { changes: [{ accountId: 'b', correlationId: 'c9', ...settings }] });
  Object.assign(sound.books.accounts[1] ?? {}, settings);
  expect(checkBooks(sound.history.accounts, sound.books)).toMatchObject(violations);
});

describe('the table of crossings', () => {
  it('contains each transfer that left, exactly once', () => {
    const [first] = sound.books.crossings.splice(0, 1);
    expect(said()).toEqual(['t1 left, but is not in crossings']);
    if (first) sound.books.crossings.push(first, first, { ...first, transactionId: 't9' });
    expect(said()).toEqual(['t1 is in crossings more than once', 't9 is in crossings, but has no legs']);
  });
  it('contains no open transfer', () => {
    sound.crossing('t1').state = 'OPEN';
    expect(said()).toEqual(['t1 is still open']);
  });
  it('shows how each transfer ended', () => {
    sound.crossing('t2').state = 'DONE';
    expect(said()).toContain('t2 is closed as DONE, but is not');
  });
  it('contains the balance of the destination, or the refusal', () => {
    sound.crossing('t1').destination = at(99, 1);
    sound.crossing('t2').refusal = null;
    expect(said()).toEqual([
      't1 is closed with a balance of its destination that differs from the posting',
      't2 is closed with the refusal null, but was refused with account_frozen',
    ]);
  });
});

it('transit: some money belongs to no transfer', () => {
  const [, , account] = sound.books.accounts;
  if (account) account.balance += 1;
  expect(found()).toEqual(['balance', 'transit']);
});
