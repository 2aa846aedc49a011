import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { orderOf } from '../../domain/testing/orders.ts';
import { CursorConflictError } from '../../journal/cursor.ts';
import { emptyBatch } from '../../journal/flush-batch.ts';
import { account } from '../../journal/testing/epoch-under-test.ts';
import { systemClock } from '../../kernel/clock.ts';
import type { DirectError } from '../../ledger/ports/direct-server.ts';
import { AuthorityStore } from '../../mysql/authority/authority-store.ts';
import { RecoveryStore } from '../../mysql/authority/recovery-store.ts';
import { OtherLedger, OwnLedger, type ShardIdentity } from '../../mysql/connection/own-ledger.ts';
import { Database } from '../../mysql/connection/pool.ts';
import { DirectStore } from '../../mysql/ledger/direct-store.ts';
import { FlushStore } from '../../mysql/ledger/flush-store.ts';
import { LedgerReader } from '../../mysql/ledger/ledger-reader.ts';
import { adoptIdentity, LedgerIdentity, WrongShard } from '../../mysql/operations/ledger-identity.ts';
import {
  emptyDatabase,
  migratedDatabase,
  openIn,
  poolOptions,
  type TestDatabase,
} from '../../mysql/testing/test-database.ts';

const LEDGER = 'a'.repeat(32);
const OTHER = 'b'.repeat(32);
const BY = { keeper: 'k', reason: 'a test' };

let db: TestDatabase;
const opened: Database[] = [];
beforeEach(async () => {
  db = await migratedDatabase();
});
afterEach(async () => {
  for (const database of opened.splice(0)) await database[Symbol.asyncDispose]();
  await db.drop();
});

/** Pools of a process that expects this shard. */
function poolFor(wanted: Pick<ShardIdentity, 'shard' | 'shards'> | null, ledger: { id: string | null } = { id: null }) {
  const database = new Database({ ...poolOptions(db.url), ledger: new OwnLedger(wanted, ledger) });
  opened.push(database);
  return database;
}
/** The identity in the database, changed without the knowledge of any process. */
const becomes = ({ ledgerId = LEDGER, shard = 0, shards = 2 }: Partial<ShardIdentity>) =>
  db.database.rows('UPDATE ledger_identity SET ledger_id = ?, shard = ?, shards = ?', [ledgerId, shard, shards]);
const one = (database: Database) => database.rows<{ one: number }>('SELECT 1 AS one');

describe('A new connection', () => {
  it('is used if it leads to the expected shard, and its identity is learned', async () => {
    await becomes({ shard: 1 });
    const ledger = { id: null };
    const database = poolFor({ shard: 1, shards: 2 }, ledger);
    expect(await one(database)).toEqual([{ one: 1 }]);
    expect(ledger).toEqual({ id: LEDGER });
  });

  it.each([
    ['of another shard', { shard: 1 }],
    ['of a ledger with another number of shards', { shards: 3 }],
    ['of a ledger with one shard', { shards: 1 }],
  ])('is refused if it leads to a database %s', async (_, different) => {
    await becomes(different);
    const database = poolFor({ shard: 0, shards: 2 });
    await expect(one(database)).rejects.toBeInstanceOf(OtherLedger);
    await expect(database.transaction((session) => session.run('DELETE FROM job_leases'))).rejects.toMatchObject({
      code: 'database_unavailable',
    });
    expect((await db.database.rows('SELECT 1 FROM job_leases')).length).toBeGreaterThan(0);
  });

  it('is refused if it leads to a different ledger than the first one of the process, in any shard', async () => {
    await becomes({});
    const ledger = { id: null };
    await one(poolFor({ shard: 0, shards: 2 }, ledger));
    await becomes({ ledgerId: OTHER, shard: 1 });
    await expect(one(poolFor({ shard: 1, shards: 2 }, ledger))).rejects.toBeInstanceOf(OtherLedger);
  });

  it('of a pool is refused once its host name leads to another shard, and used once it leads back', async () => {
    await becomes({});
    const database = poolFor({ shard: 0, shards: 2 });
    await one(database);
    await becomes({ shard: 1 });
    const atOnce = () => Promise.allSettled(Array.from({ length: 4 }, () => database.rows('SELECT SLEEP(0.2)')));
    const statuses = async () => (await atOnce()).map(({ status }) => status).sort();
    // The first connection stays open; all others are new.
    expect(await statuses()).toEqual(['fulfilled', 'rejected', 'rejected', 'rejected']);
    await becomes({});
    expect(await statuses()).toEqual(['fulfilled', 'fulfilled', 'fulfilled', 'fulfilled']);
  });

  it('to a database that is not migrated is used for everything except the ledger', async () => {
    const empty = await emptyDatabase();
    const database = new Database(poolOptions(empty.url));
    expect(await one(database)).toEqual([{ one: 1 }]);
    await expect(new FlushStore(database).cursor()).rejects.toThrow('not migrated');
    await database[Symbol.asyncDispose]();
    await empty.drop();
  });
});

describe('The rows of another shard', () => {
  it('are never found, even on a connection that was checked before', async () => {
    await db.reset(4, 'DIRECT');
    await openIn(db.database, [account('world'), account('a')]);
    const authority = await new AuthorityStore(db.database).read();
    const { ledgerId } = await new LedgerIdentity(db.database).shard();
    for (const table of ['authority', 'flush_cursor']) await db.database.rows(`UPDATE ${table} SET shard = 1`);
    const direct = new DirectStore({ database: db.database, clock: systemClock });
    const order = orderOf({ transactionId: 'mine', destination: 'a' });
    await expect(direct.apply(4, [{ order, takenAt: 1 }])).rejects.toMatchObject({
      kind: 'moved',
    } as Partial<DirectError>);
    await expect(new FlushStore(db.database).commit(emptyBatch(4, 0), 4)).rejects.toBeInstanceOf(CursorConflictError);
    await expect(new FlushStore(db.database).cursor()).rejects.toThrow('not migrated');
    await expect(new LedgerReader(db.database).findOutcomes(['mine'])).rejects.toThrow('not migrated');
    const store = new AuthorityStore(db.database);
    await expect(store.read()).rejects.toThrow('not migrated');
    await expect(store.move(authority, 'REBUILDING', BY)).rejects.toThrow('not migrated');
    expect(await store.register('pod', 4)).toBe(false);
    await expect(
      new RecoveryStore(db.database).activate(
        { ...authority, mode: 'REBUILDING' },
        { cacheEpoch: 5, redisNode: '', replid: 'r', marker: 'm' },
        BY,
      ),
    ).rejects.toThrow();
    expect(await db.database.rows('SELECT ledger_id, shard, epoch FROM authority')).toEqual([
      { ledger_id: ledgerId, shard: 1, epoch: 4 },
    ]);
    expect(await db.database.rows('SELECT epoch, seq, id_time_max FROM flush_cursor')).toEqual([
      { epoch: 4, seq: 0, id_time_max: 0 },
    ]);
  });
});

describe('A database', () => {
  const identity = async () => {
    const database = poolFor(null);
    const [known] = await database.rows('SELECT ledger_id, shard, shards FROM ledger_identity');
    const [authority] = await database.rows('SELECT ledger_id, shard FROM authority');
    const [cursor] = await database.rows('SELECT ledger_id, shard FROM flush_cursor');
    return { known, authority, cursor };
  };
  const shard1 = { ledgerId: LEDGER, shard: 1, shards: 3 };

  it('that was never used can become any shard of a ledger, once', async () => {
    expect(await adoptIdentity(db.database, shard1)).toBe(LEDGER);
    const row = { ledger_id: LEDGER, shard: 1 };
    expect(await identity()).toEqual({ known: { ...row, shards: 3 }, authority: row, cursor: row });
    expect(await adoptIdentity(db.database, shard1)).toBe(LEDGER);
    for (const other of [{ shard: 2 }, { shards: 4 }, { ledgerId: OTHER }])
      await expect(adoptIdentity(db.database, { ...shard1, ...other })).rejects.toBeInstanceOf(WrongShard);
    expect((await identity()).known).toEqual({ ...row, shards: 3 });
  });

  it('that is the first shard gives its ledger its own id', async () => {
    const { ledgerId } = await new LedgerIdentity(db.database).shard();
    expect(await adoptIdentity(db.database, { ledgerId: null, shard: 0, shards: 3 })).toBe(ledgerId);
    expect((await identity()).known).toEqual({ ledger_id: ledgerId, shard: 0, shards: 3 });
  });

  it.each([
    ['has an account', () => openIn(db.database, [account('a')])],
    ['has had a process', () => new AuthorityStore(db.database).keeperHeartbeat('k')],
  ])('that %s stays a ledger of one shard', async (_, use) => {
    await use();
    const before = await identity();
    await expect(adoptIdentity(db.database, { ledgerId: null, shard: 0, shards: 3 })).rejects.toBeInstanceOf(
      WrongShard,
    );
    await expect(adoptIdentity(db.database, shard1)).rejects.toBeInstanceOf(WrongShard);
    expect(await adoptIdentity(db.database, { ledgerId: null, shard: 0, shards: 1 })).toBeDefined();
    expect(await identity()).toEqual(before);
  });

  it('that becomes a separate ledger keeps its shard, and its rows are found', async () => {
    await adoptIdentity(db.database, shard1);
    const database = poolFor({ shard: 1, shards: 3 });
    await new LedgerIdentity(database).write(OTHER);
    const row = { ledger_id: OTHER, shard: 1 };
    expect(await identity()).toEqual({ known: { ...row, shards: 3 }, authority: row, cursor: row });
    expect(await new AuthorityStore(poolFor({ shard: 1, shards: 3 })).read()).toMatchObject({ mode: 'DIRECT' });
  });
});
