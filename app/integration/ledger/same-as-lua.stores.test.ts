import fc from 'fast-check';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { replay } from '../../domain/content.ts';
import { Problem, type ProblemCode, REFUSALS } from '../../domain/problem.ts';
import { ofTestLedger } from '../../domain/testing/ledger-id.ts';
import type { Account, Outcome } from '../../domain/types.ts';
import type { Caller } from '../../journal/cache-port.ts';
import {
  encodeOrder,
  outcomeOf,
  outcomesOf,
  RecordStatus,
  type ResultRecord,
  statusNumber,
} from '../../journal/codec.ts';
import { account, order } from '../../journal/testing/epoch-under-test.ts';
import { systemClock } from '../../kernel/clock.ts';
import { notFound } from '../../ledger/accounts/account-loader.ts';
import type { DirectChange, DirectItem } from '../../ledger/ports/direct-server.ts';
import { DirectStore } from '../../mysql/ledger/direct-store.ts';
import { LedgerReader } from '../../mysql/ledger/ledger-reader.ts';
import { DIRECT_EPOCH, putAccounts } from '../../mysql/testing/direct-accounts.ts';
import { migratedDatabase, type TestDatabase } from '../../mysql/testing/test-database.ts';
import { RedisScripts } from '../../redis/redis-scripts.ts';

const HISTORIES = 100;
const STEPS = 40;
const IDS = 80;
/** A failure is reported with the simplest history found so far. */
const SHRINKING_MS_MAX = 60_000;
const MAX = Number.MAX_SAFE_INTEGER;
const SETTINGS_MAX = 2 ** 32 - 1;
const LOOKED_UP = { lookupCursor: MAX };
/** What all histories together must cover for the test to be meaningful. */
const SEEN: (ProblemCode | 'POSTED' | 'again' | 'changed')[] = [
  'POSTED',
  'again',
  'changed',
  ...REFUSALS,
  'transaction_id_reused',
  'account_not_found',
  'settings_version_mismatch',
  'account_not_empty',
  'internal_error',
];

/** Accounts that can refuse for every possible reason; `nobody` is never opened, `late` is opened by a step. */
const OPENED: Account[] = [
  account('world'),
  account('a'),
  account('b', { balance: 150, overdraftLimit: 70, version: 12, settingsVersion: 5 }),
  account('c', { balance: -40, overdraftLimit: 40 }),
  account('yen', { balance: 90, currency: 'JPY' }),
  account('suspended', { balance: 100, status: 'SUSPENDED' }),
  account('frozen', { balance: 100, status: 'FROZEN' }),
  account('closed', { status: 'CLOSED' }),
  account('rich', { balance: MAX - 60 }),
  account('deep', { balance: 60 - MAX, external: true }),
  account('generous', { overdraftLimit: MAX }),
  account('holding', { balance: 100, held: 60, overdraftLimit: 10 }),
  account('empty', { balance: 0, held: 5 }),
  account('worn', { balance: 100, settingsVersion: SETTINGS_MAX }),
];
const LATE = account('late', { balance: 10 });
const USUAL = ['world', 'a', 'b', 'c', 'rich', 'deep', 'generous', 'worn', 'holding', 'empty'];
const anyAccountId = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom(...USUAL) },
  { weight: 2, arbitrary: fc.constantFrom('yen', 'suspended', 'frozen', 'closed', 'late', 'nobody') },
);
const anyAmount = fc.oneof(fc.integer({ min: 1, max: 120 }), fc.constantFrom(1, 40, 60, 61, MAX, MAX - 1, MAX - 60));
const anyContent = fc
  .record({
    source: anyAccountId,
    destination: anyAccountId,
    amount: anyAmount,
    currency: fc.constantFrom('EUR', 'EUR', 'EUR', 'EUR', 'EUR', 'EUR', 'JPY'),
    reference: fc.constantFrom(null, null, 'x'),
  })
  .filter(({ source, destination }) => source !== destination);
/** What a history requests under its ids; few enough that it repeats requests, occasionally with different content. */
const anyContents = fc.array(anyContent, { minLength: IDS, maxLength: IDS });
const anyTransfer = fc.record({
  n: fc.nat(IDS - 1),
  other: fc.oneof({ weight: 8, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: anyContent }),
  takenAt: fc.nat(1_000_000),
});
const anyChange = fc.record({
  n: fc.nat(20),
  accountId: anyAccountId,
  status: fc.option(fc.constantFrom('ACTIVE', 'ACTIVE', 'ACTIVE', 'SUSPENDED', 'FROZEN', 'CLOSED'), { nil: undefined }),
  overdraftLimit: fc.option(fc.constantFrom(0, 10, 200, MAX), { nil: undefined }),
  expectedSettingsVersion: fc.option(fc.integer({ min: 1, max: 6 }), { nil: undefined }),
});
const anyStep = fc.oneof(
  { weight: 8, arbitrary: fc.array(anyTransfer, { minLength: 1, maxLength: 6 }).map((transfers) => ({ transfers })) },
  { weight: 2, arbitrary: anyChange.map((change) => ({ change })) },
  { weight: 1, arbitrary: fc.constant({ open: LATE }) },
);
type Step = typeof anyStep extends fc.Arbitrary<infer S> ? S : never;
type Transfer = typeof anyTransfer extends fc.Arbitrary<infer T> ? T : never;
type Content = typeof anyContent extends fc.Arbitrary<infer C> ? C : never;
type Change = typeof anyChange extends fc.Arbitrary<infer C> ? C : never;

/** The calls for which both stores must give the same answers. */
interface Ledger {
  open(accounts: readonly Account[]): Promise<void>;
  apply(items: readonly DirectItem[]): Promise<(Outcome | Problem)[]>;
  change(change: DirectChange): Promise<Account>;
  accounts(ids: readonly string[]): Promise<Account[]>;
}

/** Redis, called the way a pod calls it. */
class LuaLedger implements Ledger {
  readonly #scripts: RedisScripts;
  readonly #caller: Caller;
  constructor(scripts: RedisScripts, caller: Caller) {
    this.#scripts = scripts;
    this.#caller = caller;
  }

  async begin(): Promise<void> {
    await this.#scripts.activate(this.#caller.epoch, this.#caller.replid, 'marker', 0);
    await this.#scripts.register(this.#caller, 'marker');
  }
  async open(accounts: readonly Account[]): Promise<void> {
    await this.#scripts.install(this.#caller, accounts, MAX, 1000);
  }

  async apply(items: readonly DirectItem[]): Promise<(Outcome | Problem)[]> {
    const { records, head } = await this.#scripts.apply(
      this.#caller,
      items.map(({ order: one, takenAt }) => ({ order: one, payload: encodeOrder(one, takenAt), ...LOOKED_UP })),
    );
    const { epoch } = this.#caller;
    const outcomes: (Outcome | undefined)[] = [];
    const missing = await this.#missing(items);
    const answers: (Outcome | Problem)[] = [];
    for (const [index, item] of items.entries()) {
      const record = records[index] as ResultRecord;
      if (record.status === RecordStatus.MISSING) {
        const { source, destination } = item.order;
        answers.push(notFound([source, destination].find((id) => missing.has(id)) ?? ''));
      } else if (record.status === RecordStatus.REPLAYED || record.status === RecordStatus.SAME_CALL) {
        const same = record.status === RecordStatus.SAME_CALL ? outcomes[record.seq] : undefined;
        const existing = same ?? (await this.#existing(item.order.transactionId));
        answers.push({ ...existing, replayed: true });
      } else {
        outcomes[index] = outcomeOf(record, { ...item, acceptedAt: head.time, epoch });
        answers.push(outcomes[index]);
      }
    }
    return answers;
  }

  async change(change: DirectChange): Promise<Account> {
    const { record } = await this.#scripts.change(this.#caller, {
      accountId: change.accountId,
      changeId: change.changeId,
      expectedSettingsVersion: change.expectedSettingsVersion ?? null,
      status: change.status === undefined ? null : statusNumber(change.status),
      overdraftLimit: change.overdraftLimit ?? null,
      payload: '{}',
    });
    if (record.status === RecordStatus.REJECTED) {
      const codes = ['settings_version_mismatch', 'account_closed', 'account_not_empty', 'internal_error'] as const;
      throw new Problem(codes[record.detail - 1] as ProblemCode, 'refused');
    }
    const [account] = await this.accounts([change.accountId]);
    if (!account) throw notFound(change.accountId);
    return account;
  }

  async accounts(ids: readonly string[]): Promise<Account[]> {
    const { accounts } = await this.#scripts.read(this.#caller, ids);
    return accounts.flatMap((found) => {
      if (!found) return [];
      const { modified: _, seq: __, ...account } = found;
      return [account];
    });
  }

  async #missing(items: readonly DirectItem[]): Promise<Set<string>> {
    const ids = [...new Set(items.flatMap(({ order: one }) => [one.source, one.destination]))];
    const found = new Set((await this.accounts(ids)).map(({ accountId }) => accountId));
    return new Set(ids.filter((id) => !found.has(id)));
  }
  async #existing(id: string): Promise<Outcome> {
    const { entries } = await this.#scripts.find(this.#caller, [id]);
    const all = entries.flatMap((entry) => outcomesOf(entry, this.#caller.epoch));
    const existing = all.find((outcome) => outcome.order.transactionId === id);
    if (!existing) throw new Error(`${id} is known, but not in the journal`);
    return existing;
  }
}

let db: TestDatabase;
let redis: Redis;
let replid: string;
let store: DirectStore;
let run = 0;
beforeAll(async () => {
  db = await migratedDatabase();
  await db.reset(DIRECT_EPOCH, 'DIRECT');
  redis = new Redis(inject('redisPort'));
  replid = /master_replid:(\w+)/.exec(await redis.info('replication'))?.[1] ?? '';
  store = new DirectStore({ database: db.database, clock: systemClock });
});
afterAll(async () => {
  redis.disconnect();
  await db.drop();
});

function sqlLedger(): Ledger {
  const reader = new LedgerReader(db.database);
  const accounts = async (ids: readonly string[]) => {
    const found = (await reader.loadAccounts(ids)).accounts;
    return ids.flatMap((id) => found.get(id) ?? []);
  };
  const open = async (some: readonly Account[]) => {
    const there = new Set((await accounts(some.map(({ accountId }) => accountId))).map(({ accountId }) => accountId));
    const fresh = some.filter(({ accountId }) => !there.has(accountId));
    if (fresh.length > 0) await putAccounts(db.database, fresh);
  };
  return {
    open,
    accounts,
    apply: (items) => store.apply(DIRECT_EPOCH, items),
    change: (change) => store.change(DIRECT_EPOCH, change),
  };
}

/** Histories share the two stores: each has its own names. */
class History {
  readonly #name: string;
  readonly #uuids: string;
  readonly #contents: readonly Content[];
  readonly prefix: string;
  constructor(number: number, contents: readonly Content[]) {
    this.#name = `h${number}-`;
    this.#uuids = `018f${String(number).padStart(4, '0')}-0000-7000-8000-`;
    this.#contents = contents;
    this.prefix = `same-${process.pid}-${number}`;
  }
  #uuid = (n: number) => `${this.#uuids}${String(n).padStart(12, '0')}`;
  account = <A extends { accountId: string }>(one: A): A => ({ ...one, accountId: this.#name + one.accountId });
  item = ({ n, other, takenAt }: Transfer): DirectItem => {
    const { source, destination, ...fields } = other ?? (this.#contents[n] as Content);
    const accounts = { source: this.#name + source, destination: this.#name + destination };
    const id = n % 2 === 0 ? this.#uuid(n) : `${this.#name}${n}`;
    return { order: order(id, { ...fields, ...accounts }), takenAt };
  };
  change = ({ n, ...change }: Change): DirectChange =>
    Object.fromEntries(
      Object.entries({
        ...this.account(change),
        changeId: this.#uuid(n),
        user: 'u',
        correlationId: 'c',
        takenAt: 1,
      }).filter(([, value]) => value !== undefined),
    ) as unknown as DirectChange;
}

/** The position and the time of an outcome differ between the stores; everything else must be equal. */
function plain(answer: Outcome | Problem): unknown {
  if (answer instanceof Problem) return { code: answer.code, message: answer.message };
  const { epoch: _, seq: __, persisted: ___, acceptedAt: ____, ...rest } = answer;
  return rest;
}

async function play(ledger: Ledger, history: History, step: Step): Promise<unknown[]> {
  if ('open' in step) {
    await ledger.open([history.account(step.open)]);
    return [];
  }
  if ('change' in step) {
    const change = history.change(step.change);
    return [await ledger.change(change).catch((error: Problem) => ({ code: error.code }))];
  }
  const items = step.transfers.map(history.item);
  const answers = await ledger.apply(items);
  return answers.map((answer, index) => {
    const item = items[index];
    const checked =
      answer instanceof Problem || !answer.replayed || !item ? answer : replay({ ...item, inDoubt: false }, answer);
    return plain(checked);
  });
}

it('The transactions of MySQL and the scripts of Redis give the same answers, and leave the same accounts, in any history', async () => {
  const seen = new Set<string>();
  const note = (answer: unknown) => {
    const { code, replayed, refusal, status, settingsVersion } = answer as Record<string, unknown>;
    seen.add(String(code ?? (replayed ? 'again' : (refusal ?? (settingsVersion ? 'changed' : status)))));
  };
  await fc.assert(
    fc.asyncProperty(
      anyContents,
      fc.array(anyStep, { minLength: STEPS, maxLength: STEPS }),
      async (contents, steps) => {
        run += 1;
        const history = new History(run, contents);
        const lua = new LuaLedger(new RedisScripts(redis, history.prefix, ofTestLedger), {
          epoch: 1,
          replid,
          podId: 'pod',
        });
        await lua.begin();
        const sql = sqlLedger();
        const opened = OPENED.map(history.account);
        await Promise.all([lua.open(opened), sql.open(opened)]);
        for (const step of steps) {
          const [meant, done] = await Promise.all([play(lua, history, step), play(sql, history, step)]);
          expect(done, JSON.stringify(step)).toEqual(meant);
          done.forEach(note);
        }
        const ids = [...opened, history.account(LATE)].map(({ accountId }) => accountId);
        expect(await sql.accounts(ids)).toEqual(await lua.accounts(ids));
      },
    ),
    { numRuns: HISTORIES, interruptAfterTimeLimit: SHRINKING_MS_MAX },
  );
  expect([...seen]).toEqual(expect.arrayContaining(SEEN));
}, 600_000);
