import { beforeEach, describe, expect, it } from 'vitest';
import type { Account } from '../../domain/types.ts';
import { decodeRecord, encodeRecord, type ResultRecord } from '../codec.ts';
import { IntegrityError } from '../flush-batch.ts';
import type { InDoubtAttempt, JournalEntry } from '../journal-entry.ts';
import { account, type EpochUnderTest, modelEpoch, order } from '../testing/epoch-under-test.ts';
import { wholeJournal } from './late.ts';
import { receive } from './received.ts';
import { accountIdsOf, type HandedOverEpoch, recoverEpoch, recoverEpochAcceptingLoss } from './recover-epoch.ts';
import { recoverPage } from './recovery.ts';

const ACCOUNTS = [account('world'), account('ada'), account('bob'), account('cy')];
const CHANGE_ID = '01890000-0000-7000-8000-000000000001';

let epoch: EpochUnderTest;
beforeEach(async () => {
  epoch = await modelEpoch(ACCOUNTS);
});

const asMap = (accounts: readonly Account[]) => new Map(accounts.map((one) => [one.accountId, one]));
const handedOver = (entries: readonly JournalEntry[], rest: Partial<HandedOverEpoch> = {}): HandedOverEpoch => ({
  epoch: 1,
  cursor: 0,
  observed: 0,
  entries,
  inDoubt: [],
  accounts: asMap(ACCOUNTS),
  ...rest,
});
const attempt = (id: string, ...accounts: string[]): InDoubtAttempt => ({ kind: 'transfers', id, accounts });
function recover(epoch: HandedOverEpoch) {
  const recovered = recoverEpoch(epoch);
  if (recovered.kind !== 'recovered') throw new Error(JSON.stringify(recovered));
  return recovered;
}
/** Makes one call per transfer, so that each has its own entry, with seqs 1, 2, 3, … */
async function journal(...transfers: [id: string, source: string, destination: string, amount?: number][]) {
  for (const [id, source, destination, amount = 100] of transfers)
    await epoch.apply(order(id, { source, destination, amount }));
  return epoch.entries();
}
const except = (entries: readonly JournalEntry[], ...seqs: number[]) =>
  entries.filter(({ firstSeq }) => !seqs.includes(firstSeq));
/** An entry with its only record changed. */
const tampered = (entry: JournalEntry | undefined, change: Partial<ResultRecord>): JournalEntry => {
  if (!entry) throw new Error('there is none');
  return { ...entry, records: encodeRecord({ ...decodeRecord(entry.records, 0), ...change }) };
};

describe('recoverEpoch, when no seq is missing', () => {
  it('recovers nothing from nothing', () => {
    expect(recoverEpoch(handedOver([], { cursor: 7 }))).toEqual({
      kind: 'recovered',
      outcomes: [],
      groups: [],
      changes: [],
      holdEvents: [],
      moves: [],
      cursor: 7,
      highestKnownSeq: 7,
      idTimeMax: 0,
      frozen: [],
      unsettled: [],
    });
  });

  it('applies everything, including refusals and changes, and leaves the ids of in-doubt attempts free', async () => {
    await epoch.apply(order('t1', { amount: 500 }), order('t2', { source: 'ada', destination: 'bob', amount: 120 }));
    await epoch.change(CHANGE_ID, 'ada', { status: 'SUSPENDED', overdraftLimit: 7 });
    await epoch.apply(order('t3', { source: 'ada', destination: 'bob' }), order('t4', { destination: 'bob' }));
    const recovered = recover(handedOver(await epoch.entries(), { inDoubt: [attempt('x', 'ada', 'bob')] }));
    expect(recovered.outcomes.map(({ order: { transactionId }, status }) => [transactionId, status])).toEqual([
      ['t1', 'POSTED'],
      ['t2', 'POSTED'],
      ['t3', 'REJECTED'],
      ['t4', 'POSTED'],
    ]);
    expect(recovered.changes).toMatchObject([{ changeId: CHANGE_ID, seq: 3, status: 'SUSPENDED', settingsVersion: 2 }]);
    expect(recovered.moves).toMatchObject([
      { accountId: 'ada', previousBalance: 0, previousVersion: 0, balance: 380, version: 2 },
      { accountId: 'bob', balance: 220, version: 2 },
      { accountId: 'world', balance: -600, version: 2 },
    ]);
    expect(recovered).toMatchObject({
      cursor: 5,
      highestKnownSeq: 5,
      idTimeMax: 0x018900000000,
      frozen: [],
      unsettled: [],
    });
  });

  it('takes only the part of an entry that is above the cursor', async () => {
    await epoch.apply(order('t1'), order('t2'), order('t3'));
    const before = [account('world', { balance: -200, version: 2 }), account('ada', { balance: 200, version: 2 })];
    const recovered = recover(handedOver(await epoch.entries(), { cursor: 2, accounts: asMap(before) }));
    expect(recovered.outcomes.map(({ seq }) => seq)).toEqual([3]);
    expect(accountIdsOf(await epoch.entries(), 1, 2)).toEqual(['ada', 'world']);
    expect(accountIdsOf(await epoch.entries(), 1, 3)).toEqual([]);
  });

  it('considers an in-doubt attempt resolved if an entry of the same kind was received under its id', async () => {
    const entries = await journal(['t1', 'world', 'ada'], ['t2', 'world', 'bob']);
    const inDoubt: InDoubtAttempt[] = [
      attempt('t2', 'world', 'bob'),
      { kind: 'account-change', id: 't2', accounts: ['cy'] },
    ];
    expect(recover(handedOver(entries, { inDoubt })).frozen).toEqual([]);
    // The change then explains the gap; the transfer does not.
    expect(recover(handedOver(except(entries, 1), { inDoubt }))).toMatchObject({
      unsettled: [{ kind: 'account-change', id: 't2' }, { id: 't2' }],
    });
    expect(recoverEpoch(handedOver(except(entries, 1), { inDoubt: inDoubt.slice(0, 1) })).kind).toBe('unexplained');
  });

  it.each<[string, (entries: JournalEntry[]) => Partial<HandedOverEpoch>]>([
    ['a version is skipped', (e) => ({ entries: [...except(e, 2), tampered(e[1], { version: 3 })] })],
    ['a settings version is wrong', (e) => ({ entries: [...except(e, 2), tampered(e[1], { settingsVersion: 2 })] })],
    ['a balance does not add up', (e) => ({ entries: [...except(e, 2), tampered(e[1], { balance: 1 })] })],
    ['the only balance does not add up', (e) => ({ entries: [tampered(e[0], { balance: 1 })] })],
    ['a seq occurs twice, with different content', (e) => ({ entries: [...e, tampered(e[1], { balance: 1 })] })],
    ['an account is not in MySQL', () => ({ accounts: asMap(ACCOUNTS.slice(1)) })],
    [
      'an account has a later version in MySQL',
      () => ({ accounts: asMap([...ACCOUNTS, account('ada', { version: 1 })]) }),
    ],
    [
      'an account has a different currency',
      () => ({ accounts: asMap([...ACCOUNTS, account('ada', { currency: 'USD' })]) }),
    ],
  ])('throws an IntegrityError if %s', async (_what, change) => {
    const entries = await journal(['t1', 'world', 'ada'], ['t2', 'world', 'ada']);
    expect(recover(handedOver(entries)).outcomes).toHaveLength(2);
    expect(() => recoverEpoch(handedOver(entries, change(entries)))).toThrow(IntegrityError);
  });

  it('throws an IntegrityError if an id has two seqs, even if no account reveals it', async () => {
    const entries = await journal(['t1', 'ada', 'bob']);
    expect(recover(handedOver(entries)).outcomes).toMatchObject([{ status: 'REJECTED' }]);
    expect(() => recoverEpoch(handedOver([...entries, tampered(entries[0], { seq: 2 })]))).toThrow('two outcomes');
  });

  it('throws an IntegrityError if a change is not the next one, or is for another version of the account', async () => {
    await epoch.change(CHANGE_ID, 'ada', { overdraftLimit: 7 });
    const entries = await epoch.entries();
    for (const wrong of [{ settingsVersion: 3 }, { settingsVersion: 1 }, { version: 1 }])
      expect(() => recoverEpoch(handedOver([tampered(entries[0], wrong)]))).toThrow(IntegrityError);
  });
});

describe('recoverEpoch, when seqs are missing', () => {
  it('returns `unexplained` with both numbers if more seqs are missing than ids are in doubt', async () => {
    const entries = except(await journal(['t1', 'world', 'ada'], ['t2', 'world', 'ada'], ['t3', 'world', 'ada']), 1, 2);
    const twice = [attempt('x', 'ada', 'world'), attempt('x', 'bob', 'world')];
    expect(recoverEpoch(handedOver(entries, { inDoubt: twice }))).toEqual({
      kind: 'unexplained',
      missing: 2,
      inDoubt: 1,
      highestKnownSeq: 3,
    });
    expect(recoverEpoch(handedOver(entries, { inDoubt: [...twice, attempt('y', 'ada', 'world')] })).kind).toBe(
      'recovered',
    );
  });

  it('counts seqs that were observed but never received among the missing ones', async () => {
    const entries = await journal(['t1', 'world', 'ada']);
    expect(recoverEpoch(handedOver(entries, { observed: 3 }))).toMatchObject({
      kind: 'unexplained',
      missing: 2,
      highestKnownSeq: 3,
    });
    const inDoubt = [attempt('x', 'bob', 'cy'), attempt('y', 'bob', 'cy')];
    const recovered = recover(handedOver(entries, { observed: 3, inDoubt }));
    expect(recovered).toMatchObject({
      cursor: 1,
      highestKnownSeq: 3,
      frozen: [{ accountId: 'bob' }, { accountId: 'cy' }],
    });
    expect(recovered.outcomes).toHaveLength(1);
  });

  it('applies entries that follow the state in MySQL; holds the others, their accounts, and later entries of these', async () => {
    const entries = await journal(
      ['t1', 'world', 'ada'],
      ['t2', 'world', 'bob'],
      ['t3', 'ada', 'cy', 10],
      ['t4', 'cy', 'ada', 5],
      ['t5', 'world', 'bob'],
    );
    const recovered = recover(handedOver(except(entries, 1), { inDoubt: [attempt('t1', 'world', 'ada')] }));
    // t2 is the second posting of `world`, t3 the second of ada; bob and cy are held with them.
    expect(recovered.outcomes).toEqual([]);
    expect(recovered).toMatchObject({ cursor: 0, highestKnownSeq: 5, moves: [] });
    expect(recovered.frozen).toEqual(['ada', 'bob', 'cy', 'world'].map((accountId) => ({ accountId, reason: 'held' })));
    expect(recovered.unsettled.map(({ id }) => id)).toEqual(['t1', 't2', 't3', 't4', 't5']);

    const other = recover(handedOver(except(entries, 3), { inDoubt: [attempt('t3', 'ada', 'cy')] }));
    expect(other.outcomes.map(({ seq }) => seq)).toEqual([1, 2, 5]);
    expect(other).toMatchObject({ cursor: 2, highestKnownSeq: 5 });
    expect(other.frozen).toEqual([
      { accountId: 'ada', reason: 'held' },
      { accountId: 'cy', reason: 'held' },
    ]);
    expect(other.unsettled.map(({ id }) => id)).toEqual(['t3', 't4']);
  });

  it('freezes the accounts of every in-doubt attempt, even of one that explains nothing', async () => {
    const entries = await journal(['t1', 'world', 'ada'], ['t2', 'ada', 'bob'], ['t3', 'world', 'ada']);
    const inDoubt = [attempt('t2', 'ada', 'bob'), attempt('x', 'cy', 'bob')];
    const recovered = recover(handedOver(except(entries, 2), { inDoubt }));
    expect(recovered.frozen).toEqual([
      { accountId: 'ada', reason: 'held' },
      { accountId: 'bob', reason: 'in_doubt' },
      { accountId: 'cy', reason: 'in_doubt' },
      { accountId: 'world', reason: 'held' },
    ]);
  });

  it('always applies a refusal, even if everything else is held', async () => {
    const entries = await journal(['t1', 'world', 'ada'], ['t2', 'ada', 'bob', 60], ['t3', 'ada', 'bob', 999]);
    const recovered = recover(handedOver(except(entries, 1), { inDoubt: [attempt('t1', 'world', 'ada')] }));
    expect(recovered.outcomes).toMatchObject([{ status: 'REJECTED', order: { transactionId: 't3' } }]);
    expect(recovered.unsettled.map(({ id }) => id)).toEqual(['t1', 't2']);
  });

  it('holds a debit that relied on a higher limit if the change of the limit is missing', async () => {
    await journal(['t1', 'world', 'ada']);
    await epoch.change(CHANGE_ID, 'ada', { overdraftLimit: 500 });
    const entries = await journal(['t2', 'ada', 'bob', 400], ['t3', 'world', 'cy']);
    const inDoubt: InDoubtAttempt[] = [{ kind: 'account-change', id: CHANGE_ID, accounts: ['ada'] }];
    const recovered = recover(handedOver(except(entries, 2), { inDoubt }));
    expect(recovered.outcomes.map(({ order: { transactionId } }) => transactionId)).toEqual(['t1', 't3']);
    expect(recovered.unsettled).toEqual([
      { kind: 'account-change', id: CHANGE_ID, accounts: ['ada'] },
      { kind: 'transfers', id: 't2', accounts: ['ada', 'bob'] },
    ]);
  });

  it('holds the closing of an account after a missing posting, so that no closed account keeps a balance', async () => {
    await journal(['t1', 'world', 'ada'], ['t2', 'ada', 'bob']);
    await epoch.change(CHANGE_ID, 'ada', { status: 'CLOSED' });
    const recovered = recover(handedOver(except(await epoch.entries(), 2), { inDoubt: [attempt('t2', 'ada', 'bob')] }));
    expect(recovered.changes).toEqual([]);
    expect(recovered.unsettled.map(({ id }) => id)).toEqual([CHANGE_ID, 't2']);
  });

  it('still throws an IntegrityError if an entry is older than the state in MySQL', async () => {
    const entries = await journal(['t1', 'world', 'ada'], ['t2', 'world', 'ada'], ['t3', 'world', 'bob']);
    const inDoubt = [attempt('t1', 'world', 'ada')];
    for (const further of [{ version: 9 }, { settingsVersion: 2 }]) {
      const accounts = asMap([...ACCOUNTS, account('world', further)]);
      expect(() => recoverEpoch(handedOver(except(entries, 1), { accounts, inDoubt }))).toThrow(IntegrityError);
    }
  });
});

describe('recoverEpochAcceptingLoss', () => {
  it('applies what follows, and returns what is lost: held entries, in-doubt attempts, and unknown seqs', async () => {
    const entries = await journal(
      ['t1', 'world', 'ada'],
      ['t2', 'ada', 'cy', 10],
      ['t3', 'cy', 'ada', 5],
      ['t4', 'world', 'bob'],
    );
    const inDoubt = [attempt('x', 'ada', 'bob')];
    const { recovered: partial, loss } = recoverEpochAcceptingLoss(
      handedOver(except(entries, 2), { inDoubt, observed: 9 }),
    );
    expect(partial.outcomes.map(({ seq }) => seq)).toEqual([1, 4]);
    expect(loss.held.map(({ id }) => id)).toEqual(['t3']);
    expect(loss.inDoubt).toEqual(inDoubt);
    expect(loss.gaps).toEqual([
      { fromSeq: 2, toSeq: 2 },
      { fromSeq: 5, toSeq: 9 },
    ]);
  });
});

describe('A journal that is read late', () => {
  it('must be complete, from the cursor to its end', async () => {
    const entries = await journal(['t1', 'world', 'ada'], ['t2', 'world', 'ada'], ['t3', 'world', 'ada']);
    expect(wholeJournal(entries, 1, 1, 3).map(({ seq }) => seq)).toEqual([2, 3]);
    expect(wholeJournal([], 1, 3, 3)).toEqual([]);
    for (const [some, end] of [
      [except(entries, 2), 3],
      [except(entries, 3), 3],
      [except(entries, 2), 2],
      [entries, 2],
    ] as const)
      expect(() => wholeJournal(some, 1, 1, end)).toThrow(IntegrityError);
  });

  it('must follow the state in MySQL without a gap', async () => {
    const entries = await journal(['t1', 'world', 'ada'], ['t2', 'world', 'ada']);
    const { items } = receive(entries, 1, 0);
    const page = (some: typeof items) => recoverPage(some, asMap(ACCOUNTS), () => false, 'require');
    expect(page(items).outcomes).toHaveLength(2);
    expect(() => page(items.slice(1))).toThrow(IntegrityError);
  });
});
