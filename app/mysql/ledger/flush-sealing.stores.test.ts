import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { verifyLog } from '../../jobs/log-verifier.ts';
import { batchOf } from '../../journal/flush-batch.ts';
import { account, modelEpoch, order } from '../../journal/testing/epoch-under-test.ts';
import { systemClock } from '../../kernel/clock.ts';
import {
  InterruptedDatabase,
  migratedDatabase,
  openIn,
  poolOptions,
  type TestDatabase,
} from '../testing/test-database.ts';
import { AccountOpener } from './account-opener.ts';
import { FlushStore } from './flush-store.ts';
import { MysqlSealedLog } from './sealed-log-reader.ts';
import { expectWholeLog } from './testing/whole-log.ts';

const ACCOUNTS = [account('world'), account('ada')];

let db: TestDatabase;
let interrupted: InterruptedDatabase;
let store: FlushStore;
let statements: number;
/** Commits the next transfer. */
let flush: (by?: FlushStore) => Promise<void>;

beforeAll(async () => {
  db = await migratedDatabase();
  interrupted = new InterruptedDatabase(poolOptions(db.url));
});
afterAll(async () => {
  await interrupted[Symbol.asyncDispose]();
  await db.drop();
});
beforeEach(async () => {
  await db.reset(1, 'CACHE', 2);
  await openIn(db.database, ACCOUNTS);
  interrupted.before = async () => void statements++;
  store = new FlushStore(interrupted);
  const epoch = await modelEpoch(ACCOUNTS);
  let seq = 0;
  flush = async (by = store) => {
    const batch = batchOf(await nextEntries(), 1, seq);
    statements = 0;
    await by.commit(batch, 1);
    seq += 1;
  };
  let applied = 0;
  const nextEntries = async () => {
    if (applied === seq) {
      applied += 1;
      await epoch.apply(order(`t${applied}`));
    }
    return epoch.entries(seq);
  };
});

const positions = async () => (await new MysqlSealedLog(db.database).bounds()).newest;
const requireIntact = async () => expect(await verifyLog(new MysqlSealedLog(db.database))).toHaveProperty('head');

describe('Flushes of one keeper', () => {
  it('append to the end that the keeper knows, with fewer statements', async () => {
    await flush();
    const first = statements;
    await flush();
    await flush();
    expect(statements).toBe(first - 2);
    expect(await positions()).toBe(3);
    expect(await expectWholeLog(db.database)).toHaveLength(3);
    await requireIntact();
  });

  it('seal the waiting entries before their own', async () => {
    await flush();
    const bob = { accountId: 'bob', currency: 'EUR', overdraftLimit: 0, name: null, external: false, limits: null };
    await new AccountOpener({ database: db.database, clock: systemClock }).open([bob], 'ann');
    await flush();
    await flush();
    const kinds = (await expectWholeLog(db.database)).map(({ kind }) => kind);
    expect(kinds).toEqual(['transfer', 'account-opened', 'transfer', 'transfer']);
    await requireIntact();
  });

  it('follow what another keeper has sealed in the meantime', async () => {
    await flush();
    await flush(new FlushStore(db.database));
    await flush();
    expect(await positions()).toBe(3);
    expect(await expectWholeLog(db.database)).toHaveLength(3);
    await requireIntact();
  });

  it('leave nothing in the log, whichever statement fails, and appear in it once after a retry', async () => {
    await flush();
    for (let statement = 0; ; statement++) {
      let reached = false;
      interrupted.before = async (at) => {
        if (at !== statement) return;
        reached = true;
        throw new Error('died');
      };
      const before = await positions();
      const died = await flush().catch((error: Error) => error.message);
      if (!reached) break;
      expect(died).toBe('died');
      expect(await positions()).toBe(before);
      interrupted.before = async () => {};
      await flush();
      expect(await positions()).toBe(before + 1);
    }
    await expectWholeLog(db.database);
    await requireIntact();
  });
});
