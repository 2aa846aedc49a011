import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { newUuidV7 } from '../../domain/ids.ts';
import { accountOf, orderOf, posted, summaryOf } from '../../domain/testing/orders.ts';
import { CHUNK_TRANSFERS } from '../../journal/codec.ts';
import { type Pod, RealLedger } from '../testing/real-ledger.ts';

let stage: RealLedger;
let pod: Pod;
let a: string;
let b: string;
let world: string;
let round = 0;

beforeAll(async () => {
  stage = await RealLedger.open({ redisPort: inject('redisPort'), mysqlUrl: inject('mysqlUrl') });
});
afterAll(() => stage[Symbol.asyncDispose]());
beforeEach(async () => {
  round += 1;
  [a, b, world] = [`a-${round}`, `b-${round}`, `world-${round}`];
  await stage.begin();
  await stage.open(accountOf(a), accountOf(b), accountOf(world));
  pod = await stage.pod();
  await pod.ledger.read([a, b, world]);
});

const order = (different: Parameters<typeof orderOf>[0] = {}) =>
  orderOf({ source: world, destination: a, ...different });
const apply = async (...orders: ReturnType<typeof order>[]) => pod.apply(orders);
async function balances(): Promise<(number | undefined)[]> {
  const { accounts } = await stage.scripts.read(pod.caller, [a, b, world]);
  return accounts.map((account) => account?.balance);
}

describe('one call with several transfers', () => {
  it('returns no answers for no orders', async () => {
    expect(await apply()).toEqual([]);
  });

  it('applies each, in order, on the balances left by the previous ones', async () => {
    const answers = await apply(
      order({ amount: 500 }),
      order({ source: a, destination: b, amount: 200 }),
      order({ source: b, destination: world, amount: 50 }),
    );
    const [first, second, third] = answers.map(posted);
    expect(first?.destination).toEqual({ balance: 500, version: 1, settingsVersion: 1 });
    expect([second?.source, second?.destination]).toEqual([
      { balance: 300, version: 2, settingsVersion: 1 },
      { balance: 200, version: 1, settingsVersion: 1 },
    ]);
    expect(third?.destination.balance).toBe(-450);
    expect([first?.seq, second?.seq, third?.seq]).toEqual([1, 2, 3]);
    expect(await balances()).toEqual([300, 150, -450]);
  });

  it('posts an id that is sent twice with the same content only once, and answers the second order as a replay', async () => {
    const one = order({ amount: 70, metadata: { invoice: '7' } });
    const [first, second] = await apply(one, { ...one, correlationId: 'another', user: 'another' });
    expect([summaryOf(first), summaryOf(second)]).toEqual(['POSTED', 'again POSTED']);
    expect(second).toEqual({ ...posted(first), replayed: true });
    expect(await balances()).toEqual([70, 0, -70]);
  });

  it('returns 409 for the second of two orders that share an id but not their content', async () => {
    const one = order({ amount: 70 });
    const answers = await apply(one, { ...one, amount: 71 });
    expect(answers.map(summaryOf)).toEqual(['POSTED', 'transaction_id_reused']);
    expect(await balances()).toEqual([70, 0, -70]);
  });

  it('recognizes the same id across the journal entries of one call, and of an earlier call', async () => {
    const many = Array.from({ length: 2 * CHUNK_TRANSFERS }, () => order({ amount: 1 }));
    const first = many[0] ?? order();
    await apply(order({ source: world, destination: b, amount: 1 }));
    const answers = await apply(...many, first);
    expect(summaryOf(answers.at(-1))).toBe('again POSTED');
    expect(answers.slice(0, -1).map(summaryOf)).toEqual(many.map(() => 'POSTED'));
    const again = await apply(...many.slice(-3), { ...first, amount: 2 });
    expect(again.map(summaryOf)).toEqual(['again POSTED', 'again POSTED', 'again POSTED', 'transaction_id_reused']);
    expect((await balances())[0]).toBe(2 * CHUNK_TRANSFERS);
  });

  it('refuses the second debit of an account if the funds cover only the first', async () => {
    await apply(order({ amount: 100 }));
    const answers = await apply(
      order({ source: a, destination: b, amount: 100 }),
      order({ source: a, destination: b, amount: 1 }),
    );
    expect(answers.map(summaryOf)).toEqual(['POSTED', 'insufficient_funds']);
    expect(await balances()).toEqual([0, 100, -100]);
  });

  it('accepts the first debit that the funds cover, even if a larger one precedes it', async () => {
    await apply(order({ amount: 100 }));
    const answers = await apply(
      order({ source: a, destination: b, amount: 101 }),
      order({ source: a, destination: b, amount: 100 }),
    );
    expect(answers.map(summaryOf)).toEqual(['insufficient_funds', 'POSTED']);
  });

  it('returns account_not_found for an unknown account on either side, and applies the others', async () => {
    const answers = await apply(
      order({ source: 'nobody' }),
      order({ destination: 'nobody' }),
      order({ amount: 3 }),
      order({ source: 'nobody', destination: 'no-one' }),
    );
    expect(answers.map(summaryOf)).toEqual(['account_not_found', 'account_not_found', 'POSTED', 'account_not_found']);
    expect(await balances()).toEqual([3, 0, -3]);
  });

  it('stores nothing for a transfer whose account is missing: its id is still free for a later attempt', async () => {
    const one = order({ destination: `later-${round}` });
    expect((await apply(one)).map(summaryOf)).toEqual(['account_not_found']);
    await stage.open(accountOf(`later-${round}`));
    expect((await apply(one)).map(summaryOf)).toEqual(['POSTED']);
  });

  it('puts what it received into the tail until it is known to be in MySQL', async () => {
    await apply(order(), order({ source: b, destination: a, amount: 1 }));
    const view = pod.session.view();
    expect([view?.tail.size, view?.observed, view?.backlog]).toEqual([1, 2, 2]);
    await stage.flush();
    await pod.ledger.read([a]);
    expect([view?.tail.size, view?.cursor, view?.backlog]).toEqual([0, 2, 0]);
    expect(await stage.storedAccount(a)).toMatchObject({ balance: 100, version: 1 });
  });
});

describe('A refusal by the rules', () => {
  it('is an outcome: it has a seq, is replayed even when funds have arrived, and is REJECTED in MySQL', async () => {
    const one = order({ source: a, destination: b, amount: 10 });
    const [refused] = await apply(one);
    expect(refused).toMatchObject({ status: 'REJECTED', refusal: 'insufficient_funds', seq: 1, replayed: false });
    await apply(order({ amount: 1_000 }));
    expect((await apply(one)).map(summaryOf)).toEqual(['again insufficient_funds']);
    await stage.flush();
    const rows = await stage.database.rows(
      'SELECT status, refusal, source_version FROM transfers WHERE transaction_id = ?',
      [one.transactionId],
    );
    expect(rows).toEqual([{ status: 'REJECTED', refusal: 'insufficient_funds', source_version: null }]);
    expect(await balances()).toEqual([1_000, 0, -1_000]);
  });

  it('is replayed only for the same content', async () => {
    const one = order({ source: a, destination: b, amount: 10 });
    await apply(one);
    expect((await apply({ ...one, amount: 11 })).map(summaryOf)).toEqual(['transaction_id_reused']);
  });

  it.each([
    ['currency_mismatch', { status: 'CLOSED' as const }, { currency: 'JPY' }],
    ['account_closed', { status: 'CLOSED' as const }, {}],
    ['account_frozen', { status: 'FROZEN' as const }, {}],
    ['account_suspended', { status: 'SUSPENDED' as const }, {}],
    ['insufficient_funds', {}, {}],
  ])('as %s, takes precedence over any later rule', async (refusal, account, different) => {
    const id = `rules-${round}`;
    await stage.open(accountOf(id, account));
    const [answer] = await apply(order({ source: id, destination: a, amount: 1, ...different }));
    expect(summaryOf(answer)).toBe(refusal);
  });

  it('lets a suspended account receive credits', async () => {
    const id = `suspended-${round}`;
    await stage.open(accountOf(id, { status: 'SUSPENDED' }));
    expect((await apply(order({ destination: id }))).map(summaryOf)).toEqual(['POSTED']);
  });
});

describe('The outcome of an id', () => {
  it('is found while Redis has it, and in MySQL when the epoch is over', async () => {
    const one = order({ timestamp: 1_700_000_000_000, reference: 'for you', kind: 'reversal', reverses: newUuidV7(1) });
    await apply(one);
    expect(await pod.ledger.outcome(one.transactionId)).toMatchObject({ order: one, persisted: false, seq: 1 });
    await stage.flush();
    await stage.begin();
    await pod.sit(stage.epoch);
    expect(await pod.ledger.outcome(one.transactionId)).toMatchObject({ order: one, persisted: true, seq: 1 });
  });
});
