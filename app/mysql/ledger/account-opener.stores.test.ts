import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Problem } from '../../domain/problem.ts';
import { NO_LIMITS, NO_USAGE } from '../../domain/testing/limits.ts';
import type { NewAccount } from '../../domain/types.ts';
import { systemClock } from '../../kernel/clock.ts';
import type { AccountOpening } from '../../ledger/ports/ledger.ts';
import { Database, type Session } from '../connection/pool.ts';
import { InterruptedDatabase, migratedDatabase, poolOptions, type TestDatabase } from '../testing/test-database.ts';
import { AccountOpener } from './account-opener.ts';
import { LedgerReader } from './ledger-reader.ts';

let db: TestDatabase;
let opener: AccountOpener;
beforeAll(async () => {
  db = await migratedDatabase(undefined, { connectionsMax: 12, lockWaitTimeoutS: 20, queryTimeoutMs: 30_000 });
  opener = new AccountOpener({ database: db.database, clock: systemClock });
});
afterAll(() => db.drop());
beforeEach(() => db.reset());

const opening = (accountId: string, fields: Partial<NewAccount> = {}): NewAccount => ({
  accountId,
  currency: 'EUR',
  overdraftLimit: 0,
  name: null,
  external: false,
  limits: null,
  ...fields,
});
const said = (answers: (AccountOpening | Problem)[]) =>
  answers.map((answer) => (answer instanceof Problem ? answer.code : answer.created));

describe('Opening accounts', () => {
  it('gives them a balance of zero, and the requested settings', async () => {
    const ada = opening('ada', { overdraftLimit: 5000, name: "Ada 👩 O'Neil", external: true, currency: 'JPY' });
    const [answer] = await opener.open([ada], 'tester');
    expect(answer).toMatchObject({ created: true, account: { ...ada, openedAt: expect.any(Number) } });
    expect(await db.database.rows('SELECT balance, version, overdraft_limit, status, opened_by FROM accounts')).toEqual(
      [{ balance: 0, version: 0, overdraft_limit: 5000, status: 'ACTIVE', opened_by: 'tester' }],
    );
    expect(await opener.details('ada')).toEqual((answer as AccountOpening).account);
  });

  it('starts to count usage if the account has limits, and compares the limits when an id is reused', async () => {
    const limits = { ...NO_LIMITS, dailyDebitMax: 500 };
    const [answer] = await opener.open([opening('ada', { limits })], 'tester');
    expect(answer).toMatchObject({ created: true, account: { limits } });
    const { accounts } = await new LedgerReader(db.database).loadAccounts(['ada']);
    expect(accounts.get('ada')?.limits).toEqual({
      ...limits,
      usage: { ...NO_USAGE, countedSince: expect.any(Number) },
    });
    expect(accounts.get('ada')?.limits?.usage.countedSince).toBeGreaterThan(Date.now() - 60_000);
    expect(said(await opener.open([opening('ada', { limits: { ...limits } })], 'tester'))).toEqual([false]);
    for (const other of [null, { ...limits, balanceMax: 1 }])
      expect(said(await opener.open([opening('ada', { limits: other })], 'tester'))).toEqual(['account_id_reused']);
  });

  it('changes nothing if the account exists with the same content, and reports that it existed', async () => {
    const ada = opening('ada', { name: 'Ada' });
    const [first] = await opener.open([ada], 'tester');
    const [again] = await opener.open([{ ...ada }], 'somebody else');
    expect(again).toEqual({ ...first, created: false });
    expect(await db.database.rows('SELECT opened_by FROM accounts')).toEqual([{ opened_by: 'tester' }]);
  });

  it('succeeds for an existing account even if its limit and status have changed since', async () => {
    const ada = opening('ada', { overdraftLimit: 5 });
    await opener.open([ada], 'tester');
    await db.database.rows("UPDATE accounts SET overdraft_limit = 99, status = 'FROZEN', balance = 3");
    const [again] = await opener.open([ada], 'tester');
    expect(again).toMatchObject({ created: false, account: { overdraftLimit: 5 } });
  });

  it.each<[string, Partial<NewAccount>]>([
    ['currency', { currency: 'USD' }],
    ['limit', { overdraftLimit: 1 }],
    ['name', { name: 'Other' }],
    ['name: none', { name: null }],
    ['kind', { external: true }],
  ])(
    'returns account_id_reused for an id that was opened with a different %s, and changes nothing',
    async (_what, fields) => {
      const ada = opening('ada', { name: 'Ada' });
      await opener.open([ada], 'tester');
      expect(said(await opener.open([{ ...ada, ...fields }], 'tester'))).toEqual(['account_id_reused']);
      expect(await opener.details('ada')).toMatchObject(ada);
    },
  );

  it('compares ids byte by byte', async () => {
    expect(said(await opener.open([opening('abc'), opening('ABC', { currency: 'USD' })], 'tester'))).toEqual([
      true,
      true,
    ]);
  });

  it('opens the first of several accounts with the same id in one request, and compares the rest with it', async () => {
    await opener.open([opening('old')], 'tester');
    const batch = [opening('new'), opening('old'), opening('new'), opening('new', { currency: 'USD' }), opening('z')];
    expect(said(await opener.open(batch, 'tester'))).toEqual([true, false, false, 'account_id_reused', true]);
  });
});

/** The number of requests per account that reported having created it. */
function creators(requests: readonly NewAccount[][], answers: readonly (AccountOpening | Problem)[][]) {
  const counts = new Map<string, number>();
  for (const [index, request] of requests.entries()) {
    for (const [place, { accountId }] of request.entries()) {
      const answer = answers[index]?.[place];
      const created = !(answer instanceof Problem) && answer?.created === true;
      counts.set(accountId, (counts.get(accountId) ?? 0) + Number(created));
    }
  }
  return counts;
}

describe('Requests that open the same accounts at the same time', () => {
  const ROUNDS = 8;
  const all = (round: number) => Array.from({ length: 60 }, (_, n) => opening(`r${round}-${(n * 17) % 60}`));

  it.each<[string, (round: number) => NewAccount[][]]>([
    ['one account', (round) => Array.from({ length: 10 }, () => [opening(`r${round}`)])],
    [
      'batches in any order',
      (round) => {
        const some = all(round);
        return [some, some.toReversed(), some.toSorted(byId), some.toSorted(byId).reverse(), [...some, ...some]];
      },
    ],
    [
      'batches that overlap',
      (round) =>
        Array.from({ length: 8 }, (_, n) => [...all(round).slice(n * 5, n * 5 + 25), ...all(round).slice(0, n)]),
    ],
  ])('%s: exactly one request creates each account, and the others find that it exists', async (_what, requestsOf) => {
    for (let round = 0; round < ROUNDS; round++) {
      const requests = requestsOf(round);
      const answers = await Promise.all(requests.map((request, n) => opener.open(request, `user-${n}`)));
      expect(answers.flat().filter((answer) => answer instanceof Problem)).toEqual([]);
      const counts = creators(requests, answers);
      expect([...counts].filter(([, count]) => count !== 1)).toEqual([]);
    }
  });

  it('with different content: one account is created, and requests with other content are rejected', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const limits = [0, 7, 0, 7, 0, 7, 0, 7];
      const answers = await Promise.all(
        limits.map((overdraftLimit) => opener.open([opening(`r${round}`, { overdraftLimit })], 'tester')),
      );
      const { overdraftLimit: winner } = await opener.details(`r${round}`);
      const verdicts = limits.map((limit, n) => [limit, said(answers[n] ?? [])[0]]);
      expect(verdicts.filter(([limit]) => limit !== winner)).toEqual(
        Array.from({ length: 4 }, () => [7 - winner, 'account_id_reused']),
      );
      expect(verdicts.filter(([limit]) => limit === winner).sort()).toEqual([
        [winner, false],
        [winner, false],
        [winner, false],
        [winner, true],
      ]);
    }
  });
});

const byId = (a: NewAccount, b: NewAccount) => (a.accountId < b.accountId ? -1 : 1);

/** Loses the reply to the given number of commits. */
class AnswerlessDatabase extends Database {
  lost = 0;
  override async transaction<T>(work: (session: Session) => Promise<T>): Promise<T> {
    const result = await super.transaction(work);
    if (this.lost-- > 0) throw new Problem('database_unavailable', 'the commit was not answered');
    return result;
  }
}

describe('A commit without a reply', () => {
  const using = async (lost: number, work: (opener: AccountOpener) => Promise<void>) => {
    const database = new AnswerlessDatabase(poolOptions(db.url));
    database.lost = lost;
    await work(new AccountOpener({ database, clock: systemClock })).finally(() => database[Symbol.asyncDispose]());
  };

  it('is repeated, and finds the accounts that it opened', async () => {
    await using(1, async (unreliable) => {
      const ada = opening('ada', { name: 'Ada' });
      expect(said(await unreliable.open([ada, opening('bob')], 'tester'))).toEqual([false, false]);
      expect(await opener.details('ada')).toMatchObject(ada);
    });
  });

  it('is never reported as failed: if no reply arrives, the outcome is unknown', async () => {
    await using(Number.POSITIVE_INFINITY, async (unreliable) => {
      await expect(unreliable.open([opening('ada')], 'tester')).rejects.toMatchObject({ code: 'outcome_unknown' });
    });
    expect(said(await opener.open([opening('ada')], 'tester'))).toEqual([false]);
  });

  it('is reported as database_unavailable if the transaction only read', async () => {
    await opener.open([opening('ada')], 'tester');
    await using(Number.POSITIVE_INFINITY, async (unreliable) => {
      await expect(unreliable.open([opening('ada')], 'tester')).rejects.toMatchObject({ code: 'database_unavailable' });
    });
  });
});

describe('A connection that is lost before the commit', () => {
  it('leaves no accounts behind, so the request can be sent again', async () => {
    const interrupted = new InterruptedDatabase(poolOptions(db.url));
    interrupted.before = async (statement, connection) => {
      if (statement === 2) await db.database.rows(`KILL CONNECTION ${connection}`);
    };
    const cut = new AccountOpener({ database: interrupted, clock: systemClock });
    await expect(cut.open([opening('ada')], 'tester')).rejects.toMatchObject({ code: 'database_unavailable' });
    await interrupted[Symbol.asyncDispose]();
    expect(said(await opener.open([opening('ada')], 'tester'))).toEqual([true]);
  });
});
