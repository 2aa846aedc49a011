import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Keeper } from '../../authority/keeper/keeper.ts';
import type { Authority } from '../../domain/authority.ts';
import { type EpochUnderTest, order } from '../../journal/testing/epoch-under-test.ts';
import { done } from '../../mysql/authority/testing/recovery-bench.ts';
import { ledgerRows, migratedDatabase, type TestDatabase } from '../../mysql/testing/test-database.ts';
import type { RedisScripts } from '../../redis/redis-scripts.ts';
import { KeeperBench, staysIn, stepTo } from '../testing/keeper-bench.ts';
import { RestartableBench } from '../testing/restartable-bench.ts';

let db: TestDatabase;
let bench: RestartableBench;
let keepers: Keeper[];
/**
 * The authority that all keepers read instead of the row in MySQL, so that no keeper takes the step that follows the
 * one under test.
 */
let view: Authority | null;
let epoch: EpochUnderTest<RedisScripts>;
const everyone = () => Promise.allSettled(keepers.map((keeper) => keeper.step()));
/**
 * Lets the first keeper take its step, and only that: a late keeper would take the following step if that were possible
 * immediately.
 */
const first = () => keepers[0]?.step();
beforeAll(async () => {
  db = await migratedDatabase();
});
afterAll(() => db.drop());
beforeEach(async () => {
  bench = await RestartableBench.start(db);
  view = null;
  const read = async () => view ?? bench.authority.read();
  keepers = ['a', 'b', 'c'].map((id) => bench.keeper(id, { authority: { read } }));
  epoch = await bench.serve(keepers[0]);
});
afterEach(() => bench.stop());

async function post(): Promise<void> {
  const { entries } = await epoch.apply(order('t1'), order('t2'));
  const [lost] = (await epoch.apply(order('t3', { destination: 'bob' }))).entries;
  if (!lost) throw new Error('no entry');
  const later = (await epoch.apply(order('t4'))).entries;
  const inDoubt = [{ kind: 'transfers' as const, id: 't3', accounts: ['world', 'bob'] }];
  handedOver = () => bench.handOver(epoch.pod, { entries: [...entries, ...later], inDoubt, observed: 4 });
}
let handedOver: () => Promise<void> = async () => {};

async function lose(): Promise<void> {
  await bench.server.kill();
  await everyone();
  bench.clock.push(61_000);
}

/** Brings the authority to the start of the step; all keepers are then ready for it. */
const steps: [string, () => Promise<void>][] = [
  ['CACHE → CLOSING', lose],
  [
    'CLOSING → REBUILDING from the journal',
    async () => {
      await bench.closing();
    },
  ],
  [
    'CLOSING → DIRECT from what was handed over',
    async () => {
      await lose();
      await everyone();
      await handedOver();
    },
  ],
  [
    'DIRECT with frozen accounts → DIRECT',
    async () => {
      await lose();
      await everyone();
      await handedOver();
      await everyone();
      await bench.restart();
    },
  ],
  [
    'DIRECT → REBUILDING',
    async () => {
      await lose();
      await everyone();
      await handedOver();
      await everyone();
      await bench.restart();
      await first();
    },
  ],
  [
    'REBUILDING → CACHE',
    async () => {
      await bench.closing();
      await first();
    },
  ],
];

describe('Keepers that take the same step', () => {
  beforeEach(post);

  it.each(steps)('at the same time: %s happens once', async (_, prepare) => {
    await prepare();
    const before = await bench.moves();
    view = await bench.authority.read();
    await everyone();
    view = null;
    const made = (await bench.moves()).slice(before.length);
    expect(made).toHaveLength(1);
    expect(await bench.authority.read()).toMatchObject({ epoch: made[0]?.epoch, mode: made[0]?.mode });
    expect(await postings()).toBe(true);
  });

  it.each(steps)(
    'one after the other, because the second paused after its check: %s happens once',
    async (_, prepare) => {
      await prepare();
      const looked = await bench.authority.read();
      const [first] = keepers;
      await first?.step();
      const moved = await bench.authority.read();
      expect(moved.epoch).toBe(looked.epoch + 1);
      const [rows, moves] = [await ledgerRows(db.database), await bench.moves()];
      const asleep = bench.keeper('asleep', { authority: { read: async () => looked } });
      // The late step may fail, or detect that it is late, but it moves nothing.
      await asleep.step().catch(() => null);
      bench.clock.push(61_000);
      await asleep.step().catch(() => null);
      expect({ ...(await bench.authority.read()), ageMs: 0 }).toEqual({ ...moved, ageMs: 0 });
      expect(await bench.moves()).toEqual(moves);
      expect(await ledgerRows(db.database)).toEqual(rows);
    },
  );
});

describe('A keeper that dies in a step', () => {
  beforeEach(post);
  const stores = {
    move: 'authority',
    finishFromJournal: 'recoveryStore',
    recoverFromHandOvers: 'recoveryStore',
  } as const;
  const rest = { unfreezeFromJournal: 'recoveryStore', activate: 'recoveryStore' } as const;
  const methods = { ...stores, ...rest };
  /** The method that takes each step. */
  const dying: (keyof typeof methods)[] = [
    'move',
    'finishFromJournal',
    'recoverFromHandOvers',
    'unfreezeFromJournal',
    'move',
    'activate',
  ];

  it.each(
    steps.flatMap(([name, prepare], n) =>
      ['before it is written', 'after it is written'].map((when) => [name, when, prepare, dying[n]] as const),
    ),
  )('%s, %s: another one continues, and everything acknowledged is there once', async (_, when, prepare, method) => {
    await prepare();
    if (!method) throw new Error('no method');
    const before = await bench.moves();
    const store = methods[method] === 'authority' ? bench.authority : bench.recoveryStore;
    const asItIs = Reflect.get(store, method).bind(store) as (...args: unknown[]) => Promise<object | null>;
    let died = false;
    const dies = async (...args: unknown[]) => {
      died = true;
      if (when === 'after it is written') await done(() => asItIs(...args));
      throw new TypeError('killed');
    };
    const dead = bench.keeper('dead', { [methods[method]]: { [method]: dies } });
    await dead.step().catch(() => null);
    // The next keeper must itself observe for some time that Redis is lost.
    bench.clock.push(61_000);
    if (!died) await dead.step().catch(() => null);
    expect(died).toBe(true);
    expect((await bench.moves()).length - before.length).toBe(when === 'after it is written' ? 1 : 0);
    if (bench.redis.status !== 'ready') await bench.restart();
    if ((await bench.authority.read()).mode === 'CLOSING') await handedOver();
    const [next] = keepers;
    if (next) await stepTo(next, 'CACHE');
    expect(await postings()).toBe(true);
    expect(await bench.inMysql(['t1', 't2', 't3', 't4'])).toHaveLength(4);
    expect(new Set((await bench.moves()).map(({ epoch: at }) => at)).size).toBe((await bench.moves()).length);
  });
});

describe('Keepers with different views', () => {
  beforeEach(post);

  it('one reads the journal, the other has the handed-over data: the epoch is recovered once, with no duplicates', async () => {
    await bench.closing();
    await handedOver();
    const blind = new KeeperBench(db.database, 'redis://127.0.0.1:1/0', bench.prefix);
    const [sees] = keepers;
    await Promise.allSettled([sees?.step(), blind.keeper('blind').step(), sees?.step()]);
    blind.close();
    expect(await postings()).toBe(true);
    const recovered = (await bench.moves()).filter(({ mode }) => mode !== 'CLOSING').slice(2);
    expect(recovered.map(({ epoch: at }) => at)).toEqual(recovered.map((_, n) => epoch.pod.epoch + 2 + n));
  });

  it('one has lost Redis, the other has not: the ledger closes, is recovered from the journal, and opens again', async () => {
    const blind = new KeeperBench(db.database, 'redis://127.0.0.1:1/0', bench.prefix);
    const closing = blind.keeper('blind', { timing: { lostAfterMs: 0 } });
    expect(await closing.step()).toMatchObject({ mode: 'CLOSING' });
    const [sees] = keepers;
    if (!sees) throw new Error('no keeper');
    expect(await sees.step()).toMatchObject({ mode: 'REBUILDING' });
    expect(await sees.step()).toMatchObject({ mode: 'CACHE' });
    await staysIn(sees, 'CACHE');
    expect(await postings()).toBe(true);
    blind.close();
  });
});

/** Every account matches its postings, and no version is duplicated or missing. */
async function postings(): Promise<boolean> {
  const rows = await db.database.rows<{ right: number }>(
    `SELECT a.version = COUNT(p.version) AND a.version = COALESCE(MAX(p.version), 0)
       AND a.balance = COALESCE(SUM(p.amount), 0) AS \`right\`
     FROM accounts a LEFT JOIN postings p ON p.account_id = a.account_id GROUP BY a.account_id, a.version, a.balance`,
  );
  return rows.every((row) => row.right === 1);
}
