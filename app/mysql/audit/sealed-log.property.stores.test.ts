import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { audit } from '../../audit/audit.ts';
import { businessDaysFrom } from '../../domain/testing/business-days.ts';
import { assertCovering, below, shrinkingAtMost } from '../../domain/testing/covering.ts';
import type { Account } from '../../domain/types.ts';
import { batchOf } from '../../journal/flush-batch.ts';
import { ACCEPTED_AT, account, modelEpoch, order } from '../../journal/testing/epoch-under-test.ts';
import { systemClock } from '../../kernel/clock.ts';
import { retried } from '../../kernel/retry.ts';
import { isRolledBack } from '../connection/mysql-errors.ts';
import { Database } from '../connection/pool.ts';
import { AccountOpener } from '../ledger/account-opener.ts';
import { DirectStore } from '../ledger/direct-store.ts';
import { FlushStore } from '../ledger/flush-store.ts';
import { LedgerReader } from '../ledger/ledger-reader.ts';
import { MysqlLogStore } from '../ledger/log-store.ts';
import { expectWholeLog } from '../ledger/testing/whole-log.ts';
import { directItem } from '../testing/direct-accounts.ts';
import { capturing, placing } from '../testing/direct-holds.ts';
import { migratedDatabase, openIn, poolOptions, putBusinessDays, type TestDatabase } from '../testing/test-database.ts';
import { MysqlAuditBooks } from './audit-books.ts';

const TEST_MS_MAX = 3_600_000;
const NAMES = ['world', 'ada', 'bob', 'cy'];
const OLDER = NAMES.map((name) => account(name, { overdraftLimit: 30 }));

let db: TestDatabase;
let pods: Database[];
beforeAll(async () => {
  db = await migratedDatabase();
  await putBusinessDays(db.database, businessDaysFrom(ACCEPTED_AT));
  pods = [0, 1].map(() => new Database({ ...poolOptions(db.url), connectionsMax: 4, lockWaitTimeoutS: 20 }));
});
afterAll(async () => {
  for (const pod of pods) await pod[Symbol.asyncDispose]();
  await db.drop();
});

const anyName = fc.constantFrom(...NAMES);
const anyStep = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('transfer'),
      from: anyName,
      to: anyName,
      amount: fc.integer({ min: 1, max: 60 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('group'),
      from: anyName,
      to: anyName,
      amount: fc.integer({ min: 1, max: 60 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('hold'),
      from: anyName,
      to: anyName,
      amount: fc.integer({ min: 1, max: 30 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('change'), from: anyName, to: anyName, amount: fc.nat(50) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('open'), from: anyName, to: anyName, amount: fc.constant(0) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('seal'), from: anyName, to: anyName, amount: fc.constant(0) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('states'), from: anyName, to: anyName, amount: fc.constant(0) }),
  },
);
type Step = typeof anyStep extends fc.Arbitrary<infer S> ? S : never;
/** A period in which either Redis or MySQL has the authority. */
const anyPhase = fc.record({
  isCache: fc.boolean(),
  steps: fc.array(anyStep, { minLength: 1, maxLength: 14 }),
  batch: fc.integer({ min: 1, max: 4 }),
});

const otherThan = (source: string, destination: string): string => {
  if (destination !== source) return destination;
  return source === 'ada' ? 'bob' : 'ada';
};

/** Numbers the ids of one history. */
class Ids {
  #next = 0;
  readonly changed: () => string = () => `01890000-0000-7000-8000-${String(++this.#next).padStart(12, '0')}`;
  readonly next = (kind: string): string => `${kind}${++this.#next}`;
}

async function accountsNow(): Promise<Account[]> {
  const rows = await db.database.rows<{ id: string }>('SELECT account_id AS id FROM accounts');
  const { accounts } = await new LedgerReader(db.database).loadAccounts(rows.map(({ id }) => id));
  return [...accounts.values()];
}

/** Repeats work that MySQL has rolled back because of a deadlock, as a keeper does. */
const repeated = <T>(work: () => Promise<T>): Promise<T> =>
  retried({ clock: systemClock, retriesMax: 20, baseMs: 1, when: isRolledBack }, work);

const keeperStep = async ({ do: what }: Step): Promise<void> => {
  const store = new MysqlLogStore(db.database);
  if (what === 'seal') await repeated(() => store.sealNext());
  if (what === 'states') await repeated(() => store.addStates());
};

const open = (database: Database, accountId: string) =>
  new AccountOpener({ database, clock: systemClock }).open(
    [{ accountId, currency: 'EUR', overdraftLimit: 0, name: null, external: false, limits: null }],
    'ann',
  );

/** Redis has the authority: the journal is flushed in batches, while accounts are opened and a keeper seals. */
async function cachePhase(epochNumber: number, steps: readonly Step[], batch: number, ids: Ids): Promise<void> {
  await db.database.rows("UPDATE authority SET epoch = ?, mode = 'CACHE_2', cache_epoch = ?, cache_format = 2", [
    ...[epochNumber, epochNumber],
  ]);
  await db.database.rows('UPDATE flush_cursor SET epoch = ?, seq = 0', [epochNumber]);
  const epoch = await modelEpoch(await accountsNow(), epochNumber);
  for (const step of steps) {
    const { from: source, to: destination, amount } = step;
    const ends = { source, destination: otherThan(source, destination), amount };
    if (step.do === 'transfer') await epoch.apply(order(ids.next('t'), ends));
    if (step.do === 'group')
      await epoch.applyGroup(ids.next('g'), order(ids.next('m'), ends), order(ids.next('m'), ends));
    if (step.do === 'change') await epoch.change(ids.changed(), source, { overdraftLimit: amount });
    if (step.do === 'hold') await epoch.applyHolds(placing(ids.next('h'), source, amount).hold);
  }
  const entries = await epoch.entries();
  const background = steps.filter(({ do: what }) => ['open', 'seal', 'states'].includes(what));
  const opening = Promise.all(
    background.map((step) => (step.do === 'open' ? open(pods[0] ?? db.database, ids.next('a')) : keeperStep(step))),
  );
  let seq = 0;
  for (let first = 0; first < entries.length; first += batch) {
    const flushed = batchOf(entries.slice(first, first + batch), epochNumber, seq);
    await repeated(() => new FlushStore(db.database).commit(flushed, epochNumber));
    seq = flushed.lastSeq;
  }
  await opening;
}

/** MySQL has the authority: two pods work at the same time, while a keeper seals. */
async function directPhase(epoch: number, steps: readonly Step[], ids: Ids): Promise<void> {
  await db.database.rows("UPDATE authority SET epoch = ?, mode = 'DIRECT_2', cache_epoch = NULL", [epoch]);
  const work = steps.map(async (step, index) => {
    const database = pods[index % 2] ?? db.database;
    const store = new DirectStore({ database, clock: systemClock });
    const { from: source, to, amount } = step;
    const ends = { source, destination: otherThan(source, to), amount };
    const who = { user: 'u', correlationId: 'c', takenAt: 1 };
    if (step.do === 'transfer')
      await store.apply(epoch, [directItem(ids.next('t'), ends), directItem(ids.next('t'), ends)]);
    if (step.do === 'open') await open(database, ids.next('a'));
    if (step.do === 'change')
      await store.change(epoch, { changeId: ids.changed(), accountId: source, overdraftLimit: amount, ...who });
    if (step.do === 'group') {
      const groupId = ids.next('g');
      const orders = [order(ids.next('m'), { ...ends, groupId }), order(ids.next('m'), { ...ends, groupId })];
      await store.applyGroups(epoch, [{ group: { groupId, orders, split: null }, takenAt: 1 }]);
    }
    if (step.do === 'hold') {
      const holdId = ids.next('h');
      await store.applyHolds(epoch, [placing(holdId, source, amount)]);
      await store.applyHolds(epoch, [capturing(ids.next('c'), { holdId, source, destination: ends.destination })]);
    }
    await keeperStep(step);
  });
  await Promise.all(work);
}

it(
  'Whatever is committed, by flushes, by pods and by keepers at the same time, is in the log exactly once and in order, and passes an audit',
  async () => {
    const seen = { cache: 0, direct: 0, both: 0, states: 0 };
    const property = fc.asyncProperty(
      fc.array(anyPhase, { minLength: 1, maxLength: 4 }),
      shrinkingAtMost(async (phases) => {
        await db.reset(1, 'CACHE', 2);
        await openIn(db.database, OLDER);
        const ids = new Ids();
        for (const [index, { isCache, steps, batch }] of phases.entries()) {
          if (isCache) await cachePhase(index + 2, steps, batch, ids);
          else await directPhase(index + 2, steps, ids);
        }
        const entries = await expectWholeLog(db.database);
        expect(await audit(new MysqlAuditBooks(db.database), { accountsMax: 3 })).toMatchObject({ faults: [] });
        const caches = phases.filter(({ isCache }) => isCache).length;
        seen.cache += caches > 0 ? 1 : 0;
        seen.direct += caches < phases.length ? 1 : 0;
        seen.both += caches > 0 && caches < phases.length ? 1 : 0;
        const states = entries.filter(({ kind }) => kind === 'account-state').length;
        expect([0, OLDER.length]).toContain(states);
        seen.states += states > 0 ? 1 : 0;
      }),
    );
    await assertCovering(property, { numRuns: 60 }, () => below(seen, { cache: 15, direct: 15, both: 10, states: 10 }));
  },
  TEST_MS_MAX,
);
