import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { IntegrityError } from '../../journal/flush-batch.ts';
import type { InDoubtAttempt, JournalEntry } from '../../journal/journal-entry.ts';
import { account, modelEpoch, order } from '../../journal/testing/epoch-under-test.ts';
import { migratedDatabase, openIn, type TestDatabase } from '../testing/test-database.ts';
import { AuthorityStore } from './authority-store.ts';
import { MysqlHandOverStore } from './hand-over-store.ts';

const ACCOUNTS = [account('world'), account('ada'), account('bob')];

let db: TestDatabase;
let store: MysqlHandOverStore;
beforeAll(async () => {
  db = await migratedDatabase();
  store = new MysqlHandOverStore(db.database);
});
afterAll(() => db.drop());
beforeEach(() => db.reset());

const attempt = (id: string, ...accounts: string[]): InDoubtAttempt => ({ kind: 'transfers', id, accounts });
const entries = () =>
  db.database.rows<object>('SELECT epoch, first_seq, last_seq, kind FROM drained_entries ORDER BY epoch, first_seq');
const attempts = () =>
  db.database.rows<object>(
    'SELECT pod_id, kind, id, account_id AS one, other_account_id AS other FROM drained_doubts ORDER BY pod_id, kind, id, one, other',
  );

/** Three entries: two outcomes, an account change, and one outcome. */
async function journal(): Promise<JournalEntry[]> {
  const epoch = await modelEpoch(ACCOUNTS);
  await epoch.apply(order('t1', { reference: `'quoted" \\ 👩‍👩‍👧 \u202e` }), order('t2'));
  await epoch.change('01890000-0000-7000-8000-000000000001', 'ada', { overdraftLimit: 7 });
  await epoch.apply(order('t3', { source: 'ada', destination: 'bob', amount: 5 }));
  return epoch.entries();
}

describe('MysqlHandOverStore.keep', () => {
  it('stores entries byte for byte, together with in-doubt attempts', async () => {
    const handedOver = await journal();
    const inDoubt: InDoubtAttempt[] = [
      attempt('x', 'ada', 'bob'),
      { kind: 'account-change', id: 'x', accounts: ['ada'] },
    ];
    await store.keep(1, 'pod', { entries: handedOver, inDoubt });
    expect(await entries()).toMatchObject([
      { epoch: 1, first_seq: 1, last_seq: 2, kind: 'transfers' },
      { epoch: 1, first_seq: 3, last_seq: 3, kind: 'account-change' },
      { epoch: 1, first_seq: 4, last_seq: 4, kind: 'transfers' },
    ]);
    const kept = await db.database.rows('SELECT payload, records FROM drained_entries ORDER BY first_seq');
    expect(kept).toEqual(handedOver.map(({ payload, records }) => ({ payload, records })));
    expect(await attempts()).toEqual([
      { pod_id: 'pod', kind: 'transfers', id: 'x', one: 'ada', other: 'bob' },
      { pod_id: 'pod', kind: 'account-change', id: 'x', one: 'ada', other: '' },
    ]);
  });

  it('changes nothing if it is repeated by the same pod, or by another pod with the same entries', async () => {
    const chunk = { entries: await journal(), inDoubt: [attempt('x', 'ada', 'bob')] };
    await store.keep(1, 'pod', chunk);
    const before = [await entries(), await attempts()];
    await store.keep(1, 'pod', chunk);
    await store.keep(1, 'other', { ...chunk, inDoubt: [] });
    expect([await entries(), await attempts()]).toEqual(before);
  });

  it('stores all accounts with which an id was tried', async () => {
    await store.keep(1, 'pod', { entries: [], inDoubt: [attempt('x', 'ada', 'bob'), attempt('x', 'ada', 'world')] });
    expect(await attempts()).toMatchObject([
      { id: 'x', one: 'ada', other: 'bob' },
      { id: 'x', one: 'ada', other: 'world' },
    ]);
  });

  it('throws an IntegrityError if a different entry exists under the same seq, and stores nothing of that chunk', async () => {
    const handedOver = await journal();
    await store.keep(1, 'pod', { entries: handedOver, inDoubt: [] });
    const [first] = handedOver;
    if (!first) throw new Error('no entry');
    const records = Buffer.from(first.records);
    records.writeDoubleLE(1, 2);
    for (const other of [{ payload: first.payload.replace('quoted', 'quotes') }, { records }]) {
      const chunk = { entries: [{ ...first, ...other }], inDoubt: [attempt('x', 'ada', 'bob')] };
      await expect(store.keep(1, 'other', chunk)).rejects.toThrow(IntegrityError);
    }
    expect(await attempts()).toEqual([]);
    const [kept] = await db.database.rows<object>('SELECT payload, records FROM drained_entries WHERE first_seq = 1');
    expect(kept).toEqual({ payload: first.payload, records: first.records });
  });

  it('accepts the same entry with its time and, from pods of an older release, without it, and stores the time', async () => {
    const timed = await journal();
    const untimed = timed.map((entry) => ({ ...entry, acceptedAt: null }));
    const times = async () =>
      (await db.database.rows<{ at: number | null }>('SELECT accepted_ms AS at FROM drained_entries')).map(
        ({ at }) => at,
      );
    await store.keep(1, 'old', { entries: untimed, inDoubt: [] });
    expect(await times()).toEqual([null, null, null]);
    await store.keep(1, 'new', { entries: timed, inDoubt: [] });
    await store.keep(1, 'old', { entries: untimed, inDoubt: [] });
    expect(await times()).toEqual(timed.map(({ acceptedAt }) => acceptedAt));
    const other = timed.map((entry) => ({ ...entry, acceptedAt: 1 }));
    await expect(store.keep(1, 'new', { entries: other, inDoubt: [] })).rejects.toThrow(IntegrityError);
  });

  it('distinguishes equal seqs of different epochs', async () => {
    const [one] = await journal();
    if (!one) throw new Error('no entry');
    await store.keep(1, 'pod', { entries: [one], inDoubt: [] });
    await store.keep(2, 'pod', { entries: [{ ...one, payload: `${one.payload} ` }], inDoubt: [] });
    expect(await entries()).toHaveLength(2);
  });

  it('accepts a chunk that is far larger than the maximum size of a statement', async () => {
    const epoch = await modelEpoch(ACCOUNTS);
    const metadata = { note: `'${'x'.repeat(16_000)}"` };
    for (let call = 0; call < 30; call++)
      await epoch.apply(...Array.from({ length: 50 }, (_, n) => order(`t${call}-${n}`, { metadata })));
    const handedOver = await epoch.entries();
    expect(handedOver.reduce((bytes, { payload }) => bytes + payload.length, 0)).toBeGreaterThan(20 * 1024 * 1024);
    await store.keep(1, 'pod', { entries: handedOver, inDoubt: [] });
    expect(await entries()).toHaveLength(handedOver.length);
  });
});

describe('MysqlHandOverStore.complete', () => {
  it('marks every registration of the process in that epoch, and records the seq that it has observed', async () => {
    const authority = new AuthorityStore(db.database);
    for (const podId of ['a', 'b', 'c']) await authority.register(podId, 1);
    await db.database.rows("UPDATE pods SET observed_seq = 50 WHERE pod_id = 'b'");
    await db.database.rows("INSERT INTO pods (pod_id, epoch) VALUES ('old', 0)");
    await store.complete(1, ['a', 'b', 'old', 'never registered'], 17);
    const pods = (await authority.pods())
      .map(({ podId, handedOver, observed }) => [podId, handedOver, observed])
      .sort();
    expect(pods).toEqual([
      ['a', true, 17],
      ['b', true, 50],
      ['c', false, 0],
      ['old', false, 0],
    ]);
  });

  it('may be repeated, and neither lowers the observed seq nor changes the time', async () => {
    const authority = new AuthorityStore(db.database);
    await authority.register('a', 1);
    await store.complete(1, ['a'], 17);
    await db.database.rows("UPDATE pods SET drained_at = '2020-01-01'");
    await store.complete(1, ['a'], 3);
    await store.complete(1, [], 99);
    expect(await db.database.rows('SELECT YEAR(drained_at) AS year, observed_seq FROM pods')).toEqual([
      { year: 2020, observed_seq: 17 },
    ]);
  });
});

describe('MysqlHandOverStore.forget', () => {
  it('deletes entries of that epoch that the cursor has passed completely', async () => {
    await store.keep(1, 'pod', { entries: await journal(), inDoubt: [] });
    await store.keep(2, 'pod', { entries: await journal(), inDoubt: [] });
    await db.database.rows('UPDATE flush_cursor SET seq = 3');
    await store.forget(1, 1);
    expect(await entries()).toHaveLength(6);
    await store.forget(1, 3);
    expect(await entries()).toMatchObject([{ epoch: 1, first_seq: 4 }, { epoch: 2 }, { epoch: 2 }, { epoch: 2 }]);
  });

  it('ignores a cursor that MySQL has not reached', async () => {
    await store.keep(1, 'pod', { entries: await journal(), inDoubt: [] });
    await store.forget(1, 99);
    expect(await entries()).toHaveLength(3);
    await db.database.rows('UPDATE flush_cursor SET epoch = 2, seq = 99');
    await store.forget(1, 99);
    expect(await entries()).toHaveLength(3);
  });

  it('deletes only in-doubt attempts whose outcome is known, whether or not their pod is registered', async () => {
    await openIn(db.database, ACCOUNTS);
    await db.database.rows(
      `INSERT INTO transfers (transaction_id, kind, status, source_account, destination_account, amount, currency, accepted_at, user,
         correlation_id, epoch, seq) VALUES ('known', 'TRANSFER', 'REJECTED', 'ada', 'bob', 1, 'EUR', NOW(3), '', '', 1, 1)`,
    );
    await db.database.rows(
      `INSERT INTO account_changes (change_id, account_id, settings_version, status, overdraft_limit, accepted_at, user,
         correlation_id, epoch, seq) VALUES ('changed', 'ada', 2, 'ACTIVE', 0, NOW(3), '', '', 1, 2)`,
    );
    const change = (id: string): InDoubtAttempt => ({ kind: 'account-change', id, accounts: ['ada'] });
    const inDoubt = [
      ...[attempt('known', 'ada', 'bob'), attempt('changed', 'ada', 'bob'), attempt('open', 'ada', 'bob')],
      ...[change('known'), change('changed')],
    ];
    await store.keep(1, 'nobody', { entries: [], inDoubt });
    await store.keep(2, 'nobody', { entries: [], inDoubt: [attempt('known', 'ada', 'bob')] });
    await store.forget(1, 0);
    expect(await attempts()).toMatchObject([
      { kind: 'transfers', id: 'changed' },
      { kind: 'transfers', id: 'known' },
      { kind: 'transfers', id: 'open' },
      { kind: 'account-change', id: 'known' },
    ]);
  });
});
