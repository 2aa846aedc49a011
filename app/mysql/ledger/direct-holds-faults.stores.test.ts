import { createConnection } from 'mysql2/promise';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { account } from '../../journal/testing/epoch-under-test.ts';
import { systemClock } from '../../kernel/clock.ts';
import { SilentNetwork } from '../../kernel/testing/silent-network.ts';
import { until } from '../../kernel/testing/until.ts';
import { Database } from '../connection/pool.ts';
import { DIRECT_EPOCH } from '../testing/direct-accounts.ts';
import { capturing, expectWholeHolds, holdSummary, placing, updating } from '../testing/direct-holds.ts';
import {
  InterruptedDatabase,
  ledgerRows,
  migratedDatabase,
  openIn,
  poolOptions,
  type TestDatabase,
  waitsForALock,
} from '../testing/test-database.ts';
import { DirectStore } from './direct-store.ts';

let db: TestDatabase;
let interrupted: InterruptedDatabase;
beforeAll(async () => {
  db = await migratedDatabase();
  interrupted = new InterruptedDatabase(poolOptions(db.url));
});
afterAll(async () => {
  await interrupted[Symbol.asyncDispose]();
  await db.drop();
});
beforeEach(async () => {
  interrupted.before = async () => {};
  await db.reset(DIRECT_EPOCH, 'DIRECT');
  await openIn(db.database, [account('ada', { overdraftLimit: 100 }), account('shop')]);
});

const storeOn = (database: Database) => new DirectStore({ database, clock: systemClock });
/** Places two holds, captures a part of the first, and ends both: every kind of write. */
const ITEMS = [
  placing('h1', 'ada', 30),
  placing('h2', 'ada', 20),
  capturing('t1', { holdId: 'h1', source: 'ada', destination: 'shop' }, 10),
  updating('void', 'h2', 'ada'),
];
const DONE = ['PLACED', 'PLACED', 'captured', 'VOIDED'];
const apply = (database: Database) => storeOn(database).applyHolds(DIRECT_EPOCH, ITEMS);
/** The answers to the same call when it is repeated. */
const AGAIN = DONE.map((one) => `again ${one}`);

async function written() {
  const { cursor: _, ...rest } = await ledgerRows(db.database);
  const [holds, events, captures] = await Promise.all([
    db.database.rows('SELECT * FROM holds ORDER BY hold_id'),
    db.database.rows('SELECT * FROM hold_events ORDER BY account_id, version'),
    db.database.rows('SELECT * FROM hold_captures ORDER BY hold_id, revision'),
  ]);
  return { ...rest, holds, events, captures };
}
async function kill(connectionId: number): Promise<void> {
  const killer = await createConnection(db.url);
  await killer.query(`KILL CONNECTION ${connectionId}`);
  await killer.end();
}

describe('A call about holds', () => {
  it('fails with `unable`, and writes nothing, if MySQL disappears before the commit is sent; once MySQL is back, the call succeeds once', async () => {
    const before = await written();
    for (let failing = 0; ; failing++) {
      let killed = false;
      interrupted.before = async (statement, connectionId) => {
        if (statement !== failing) return;
        killed = true;
        await kill(connectionId);
      };
      const answer = await apply(interrupted).catch((error: unknown) => error);
      if (!killed) {
        expect(failing).toBeGreaterThan(8);
        expect((answer as Awaited<ReturnType<typeof apply>>).map(holdSummary)).toEqual(DONE);
        break;
      }
      expect(answer).toMatchObject({ name: 'DirectError', kind: 'unable' });
      expect(await written()).toEqual(before);
    }
    const after = await written();
    expect(after.holds).toMatchObject([{ placed_version: 1 }, { placed_version: 2 }]);
    expect(after.events).toHaveLength(1);
    expect((await apply(db.database)).map(holdSummary)).toEqual(AGAIN);
    expect(await written()).toEqual(after);
    await expectWholeHolds(db.database);
  });

  it('is refused with `moved`, and writes nothing, in any other mode or epoch', async () => {
    const before = await written();
    for (const [mode, epoch] of [
      ['DIRECT_2', DIRECT_EPOCH + 1],
      ['DIRECT', DIRECT_EPOCH - 1],
      ['CLOSING_2', DIRECT_EPOCH],
      ['CACHE_2', DIRECT_EPOCH],
    ] as const) {
      await db.database.rows('UPDATE authority SET mode = ?, epoch = ?', [mode, epoch]);
      await expect(apply(db.database)).rejects.toMatchObject({ name: 'DirectError', kind: 'moved' });
    }
    expect(await written()).toEqual(before);
  });

  it.each(['delivered', 'lost'])(
    'is in doubt while its commit is in flight, and a repetition decides: %s',
    async (how) => {
      const network = await SilentNetwork.before(db.url, 'COMMIT');
      const waitTimeoutS = how === 'lost' ? 2 : 3600;
      const far = new Database({ ...poolOptions(network.url), queryTimeoutMs: 250, connectionsMax: 1, waitTimeoutS });
      // On a busy machine, a statement before the COMMIT may also take too long.
      await until('the commit is under way', () =>
        apply(far).then(
          () => false,
          (error: { kind?: string }) => error.kind === 'in_doubt',
        ),
      );
      const again = apply(db.database);
      if (how === 'delivered') {
        await until('the repetition waits for the accounts', () => waitsForALock(db.database, '%FOR UPDATE'));
        network.deliver();
      }
      expect((await again).map(holdSummary)).toEqual(how === 'delivered' ? AGAIN : DONE);
      await expectWholeHolds(db.database);
      network.close();
      await far[Symbol.asyncDispose]();
    },
  );
});
