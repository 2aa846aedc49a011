import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { businessDaysFrom } from '../../domain/testing/business-days.ts';
import { NO_LIMITS, NO_USAGE } from '../../domain/testing/limits.ts';
import { faultOf } from '../../jobs/check-history.ts';
import type { CacheKeeper } from '../../journal/cache-port.ts';
import type { FlushBatch } from '../../journal/flush-batch.ts';
import type { HoldItem } from '../../journal/hold-codec.ts';
import { ACCEPTED_AT, account, modelEpoch, order } from '../../journal/testing/epoch-under-test.ts';
import { capture, change, expired, place, voided } from '../../journal/testing/hold-items.ts';
import { systemClock } from '../../kernel/clock.ts';
import { FlushStore } from '../../mysql/ledger/flush-store.ts';
import { SqlLedgerPages } from '../../mysql/ledger/ledger-pages.ts';
import { LedgerReader } from '../../mysql/ledger/ledger-reader.ts';
import {
  InterruptedDatabase,
  ledgerRows,
  migratedDatabase,
  openIn,
  poolOptions,
  putBusinessDays,
  type TestDatabase,
} from '../../mysql/testing/test-database.ts';
import { Flusher, type JournalStore } from '../../sync/flusher.ts';

const ACCOUNTS = [
  account('world'),
  account('ada'),
  account('bob', { overdraftLimit: 90 }),
  account('cap', {
    overdraftLimit: 1000,
    limits: { ...NO_LIMITS, dailyDebitMax: 300, balanceMax: 500, usage: NO_USAGE },
  }),
  account('yen', { currency: 'JPY' }),
];
const RUNS = 60;
const HOUR_MS = 3_600_000;
const TO_THE_END = 400;

let db: TestDatabase;
let interrupted: InterruptedDatabase;
beforeAll(async () => {
  db = await migratedDatabase();
  await putBusinessDays(db.database, businessDaysFrom(ACCEPTED_AT));
  interrupted = new InterruptedDatabase(poolOptions(db.url));
});
afterAll(async () => {
  await interrupted[Symbol.asyncDispose]();
  await db.drop();
});

const anyTransfer = fc.record({
  id: fc.nat(40),
  source: fc.constantFrom('world', 'world', 'ada', 'bob', 'cap', 'cap'),
  destination: fc.constantFrom('ada', 'bob', 'yen', 'world', 'cap', 'cap'),
  kind: fc.constantFrom('transfer' as const, 'transfer' as const, 'transfer' as const, 'reversal' as const),
  amount: fc.integer({ min: 1, max: 120 }),
});
const anyHold = fc.record({
  does: fc.constantFrom('place', 'place', 'place', 'capture', 'capture', 'change', 'void', 'expire'),
  n: fc.nat(12),
  id: fc.nat(40),
  amount: fc.integer({ min: 1, max: 90 }),
  final: fc.boolean(),
  revision: fc.constantFrom(1, 1, 2),
});
type AnyHold = typeof anyHold extends fc.Arbitrary<infer H> ? H : never;
function holdItem({ does, n, id, amount, final, revision }: AnyHold, now: number): HoldItem {
  const [holdId, account] = [`h${n}`, n % 4 === 0 ? 'bob' : 'cap'];
  if (does === 'place') return place(holdId, amount, { account, expiresAt: now + 20 * HOUR_MS });
  if (does === 'capture')
    return capture(holdId, `t${id}`, final && amount > 60 ? null : amount, {
      source: account,
      destination: 'world',
      final,
    });
  if (does === 'change') return change(holdId, { amount, expectedRevision: revision }, account);
  return does === 'void' ? voided(holdId, account) : expired(holdId, account);
}
const anyCall = fc.oneof(
  { weight: 5, arbitrary: fc.array(anyTransfer, { minLength: 1, maxLength: 8 }) },
  { weight: 5, arbitrary: fc.array(anyHold, { minLength: 1, maxLength: 6 }).map((holds) => ({ holds })) },
  {
    weight: 1,
    arbitrary: fc.record({ id: fc.nat(9), accountId: fc.constantFrom('ada', 'bob'), overdraftLimit: fc.nat(200) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      id: fc.nat(9),
      accountId: fc.constantFrom('ada', 'bob', 'cap'),
      limits: fc.constantFrom(NO_LIMITS, { ...NO_LIMITS, transferMax: 100 }, { ...NO_LIMITS, dailyCreditMax: 200 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ laterHours: fc.integer({ min: 1, max: 30 }) }) },
);
/** The fate of one commit. `twice`: another keeper commits the same batch at the same time. */
const anyFate = fc.constantFrom('well', 'well', 'before', 'after', 'twice', 'midway', 'cursor');
type Fate = typeof anyFate extends fc.Arbitrary<infer F> ? F : never;

/** The real store, with a planned fate for each of the first commits. Later commits succeed. */
class FatefulStore implements JournalStore {
  readonly #fates: Fate[];
  readonly #real = new FlushStore(db.database);
  readonly #midway = new FlushStore(interrupted);
  committed = 0;
  constructor(fates: Fate[]) {
    this.#fates = fates;
  }

  async cursor() {
    if (this.#fates[0] === 'cursor') {
      this.#fates.shift();
      throw new Error('no cursor');
    }
    return this.#real.cursor();
  }

  async commit(batch: FlushBatch, authorityEpoch: number): Promise<void> {
    const fate = this.#fates.shift() ?? 'well';
    if (fate === 'before') throw new Error('never arrived');
    if (fate === 'midway') await this.#midway.commit(batch, authorityEpoch);
    const commits = fate === 'twice' ? 2 : 1;
    const ends = await Promise.allSettled(
      Array.from({ length: commits }, () => this.#real.commit(batch, authorityEpoch)),
    );
    const failed = ends.find((end) => end.status === 'rejected');
    if (failed && commits === 1) throw failed.reason;
    this.committed = Math.max(this.committed, batch.lastSeq);
    if (failed) throw failed.reason;
    if (fate === 'after') throw new Error('no answer');
  }
}

it('writes any journal to MySQL, each outcome exactly once, whatever fails', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyCall, { minLength: 1, maxLength: 25 }),
      fc.array(anyFate, { maxLength: 12 }),
      fc.integer({ min: 1, max: 40 }),
      fc.nat(5),
      async (calls, fates, batchMax, failingStatement) => {
        await db.reset();
        await openIn(db.database, ACCOUNTS);
        interrupted.before = async (statement) => {
          if (statement === failingStatement) throw new Error('midway');
        };
        const epoch = await modelEpoch(ACCOUNTS);
        let now = ACCEPTED_AT;
        epoch.cache.now = () => now;
        for (const call of calls) {
          // Every call has its own time: an account that loses its limits and gets new ones must not count at the same
          // time twice.
          now += 1;
          if (!Array.isArray(call)) {
            if ('laterHours' in call) {
              now += call.laterHours * HOUR_MS;
              continue;
            }
            if ('holds' in call) {
              await epoch.applyHolds(...call.holds.map((one) => holdItem(one, now)));
              continue;
            }
            const { id, accountId, ...change } = call;
            await epoch.change(`01890000-0000-7000-8000-00000000000${id}`, accountId, change);
            continue;
          }
          const transfers = call.filter(({ source, destination }) => source !== destination);
          if (transfers.length > 0) await epoch.apply(...transfers.map(({ id, ...rest }) => order(`t${id}`, rest)));
        }
        const head = await epoch.headSeq();
        const store = new FatefulStore([...fates]);
        const cache: CacheKeeper = Object.create(epoch.cache, {
          publish: {
            value: (...[caller, cursor, trim]: Parameters<CacheKeeper['publish']>) => {
              expect(cursor).toBeLessThanOrEqual(store.committed);
              return epoch.cache.publish(caller, cursor, trim);
            },
          },
          journal: { value: epoch.cache.journal.bind(epoch.cache) },
        });
        const stopped = new AbortController();
        let rounds = 0;
        const flusher = new Flusher({
          cache,
          store,
          clock: {
            ...systemClock,
            sleep: async () => {
              rounds += 1;
              const cursor = await new FlushStore(db.database).cursor();
              if (cursor.seq === head || rounds > TO_THE_END) stopped.abort();
            },
          },
          limits: {
            batchMax,
            charsMax: 1_000_000,
            gatherMs: 0,
            retryBaseMs: 1,
            retryMaxMs: 1,
            alertAfterFailures: 1000,
          },
          events: { flushed: () => {}, failed: () => {}, alert: () => {}, waiting: () => {} },
        });
        await flusher.run(() => epoch.keeper, stopped.signal);
        await expectInMysql(epoch, head);
      },
    ),
    { numRuns: RUNS },
  );
});

async function expectInMysql(epoch: Awaited<ReturnType<typeof modelEpoch>>, head: number): Promise<void> {
  const { cursor, transfers, changes } = await ledgerRows(db.database);
  expect(cursor).toMatchObject([{ epoch: 1, seq: head }]);
  const placed = await db.database.rows('SELECT seq FROM holds');
  const events = await db.database.rows("SELECT seq FROM hold_events WHERE kind <> 'PLACED'");
  const seqs = [...transfers, ...changes, ...placed, ...events]
    .map((row) => (row as { seq: number }).seq)
    .sort((a, b) => a - b);
  expect(seqs).toEqual(Array.from({ length: head }, (_, n) => n + 1));
  const ids = ACCOUNTS.map(({ accountId }) => accountId);
  const { accounts } = await new LedgerReader(db.database).loadAccounts(ids);
  const cached = (await epoch.cache.read(epoch.pod, ids)).accounts;
  const plain = cached.map((one) => {
    const { modified: _modified, seq: _seq, ...rest } = one ?? { modified: false, seq: 0 };
    return rest;
  });
  expect(ids.map((id) => accounts.get(id))).toEqual(plain);
  const pages = new SqlLedgerPages({
    database: db.database,
    reader: new LedgerReader(db.database),
    flush: new FlushStore(db.database),
  });
  for await (const page of pages.histories()) for (const row of page) expect([row, faultOf(row)]).toEqual([row, null]);
}
