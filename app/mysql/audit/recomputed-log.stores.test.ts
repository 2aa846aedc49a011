import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Anchoring } from '../../audit/anchoring.ts';
import { type Anchor, AnchorCheck, signedAnchor } from '../../audit/anchors.ts';
import { audit } from '../../audit/audit.ts';
import { digestOf, personalOfAccount } from '../../journal/sealed/personal.ts';
import type { SealedEntry } from '../../journal/sealed/sealed-entry.ts';
import { systemClock } from '../../kernel/clock.ts';
import { DirectStore } from '../ledger/direct-store.ts';
import { MysqlSealedLog } from '../ledger/sealed-log-reader.ts';
import { directItem } from '../testing/direct-accounts.ts';
import { migratedDatabase, type TestDatabase } from '../testing/test-database.ts';
import { MysqlAuditBooks } from './audit-books.ts';
import { recomputeLog } from './testing/insider.ts';
import { DIRECT_EPOCH, sealAll, smallLedger } from './testing/small-ledger.ts';

type Entry = Exclude<SealedEntry, { kind: 'unknown' }>;
const { privateKey, publicKey } = generateKeyPairSync('ed25519');

let db: TestDatabase;
let anchors: Anchor[];
beforeAll(async () => {
  db = await migratedDatabase();
});
afterAll(() => db.drop());
beforeEach(async () => {
  await smallLedger(db);
  anchors = [await anchored()];
  const store = new DirectStore({ database: db.database, clock: systemClock });
  await store.apply(DIRECT_EPOCH, [directItem('z1', { amount: 40, reference: 'last' })]);
  await sealAll(db.database);
  anchors.push(await anchored());
});

/** What a keeper does every minute. */
async function anchored(): Promise<Anchor> {
  const { ledgerId, shard } = await new MysqlAuditBooks(db.database).begin();
  const { position, hash } = await new MysqlSealedLog(db.database).head();
  return signedAnchor({ ledgerId, shard, position, hash, at: Date.now() }, privateKey);
}

async function report(given = anchors) {
  const source = new MysqlAuditBooks(db.database);
  const check = new AnchorCheck(given, publicKey, await source.begin());
  const found = await audit(source, { accountsMax: 100, anchors: check });
  return { ...found, matched: check.matched };
}

const isTransfer = (entry: Entry, id: string): boolean => entry.kind === 'transfer' && entry.order.transactionId === id;
const sql = async (...statements: string[]) => {
  for (const statement of statements) await db.database.rows(statement);
};

it('An honest ledger agrees with its anchors', async () => {
  expect(await report()).toMatchObject({ clean: true, faults: [], matched: 2 });
});

interface Forgery {
  books: string[];
  log(entry: Entry): Entry[];
  /** Which of the two anchors is the first one that disagrees. */
  anchor: 0 | 1;
}

const FORGERIES: Record<string, Forgery> = {
  'the amount of the latest transfer, with both balances': {
    books: [
      "UPDATE transfers SET amount = 41, source_balance = source_balance - 1, destination_balance = destination_balance + 1 WHERE transaction_id = 'z1'",
      "UPDATE accounts SET balance = balance + IF(account_id = 'ada', 1, -1) WHERE account_id IN ('ada', 'world')",
    ],
    log(entry) {
      if (!isTransfer(entry, 'z1') || entry.kind !== 'transfer' || entry.status !== 'POSTED') return [entry];
      const { order, source, destination } = entry;
      return [
        {
          ...entry,
          order: { ...order, amount: 41 },
          source: { ...source, balance: source.balance - 1 },
          destination: { ...destination, balance: destination.balance + 1 },
        },
      ];
    },
    anchor: 1,
  },
  'the latest transfer is deleted': {
    books: [
      "UPDATE accounts SET balance = balance + IF(account_id = 'ada', -40, 40), version = version - 1 WHERE account_id IN ('ada', 'world')",
      "DELETE FROM transfers WHERE transaction_id = 'z1'",
      "UPDATE accounts a SET last_accepted_ms = (SELECT MAX(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', t.accepted_at) DIV 1000) FROM (SELECT accepted_at, source_account AS account FROM transfers UNION ALL SELECT accepted_at, destination_account FROM transfers UNION ALL SELECT accepted_at, account_id FROM holds WHERE placed_version IS NOT NULL UNION ALL SELECT accepted_at, account_id FROM hold_events) t WHERE t.account = a.account_id) WHERE account_id IN ('ada', 'world')",
    ],
    log: (entry) => (isTransfer(entry, 'z1') ? [] : [entry]),
    anchor: 1,
  },
  'a refusal is deleted, so that its id is free again': {
    books: ["DELETE FROM transfers WHERE transaction_id = 't6'"],
    log: (entry) => (isTransfer(entry, 't6') ? [] : [entry]),
    anchor: 0,
  },
  'a refusal is inserted': {
    books: [],
    log(entry) {
      if (!isTransfer(entry, 't6') || entry.kind !== 'transfer') return [entry];
      return [entry, { ...entry, order: { ...entry.order, transactionId: 't7' } }];
    },
    anchor: 0,
  },
  'the overdraft limit with which an account was opened': {
    books: ["UPDATE accounts SET overdraft_limit = 5000, opening_overdraft_limit = 5000 WHERE account_id = 'ada'"],
    log: (entry) =>
      entry.kind === 'account-opened' && entry.accountId === 'ada' ? [{ ...entry, overdraftLimit: 5000 }] : [entry],
    anchor: 0,
  },
  'the name of an account': {
    books: ["UPDATE accounts SET `name` = 'Ms Eve' WHERE account_id = 'ada'"],
    log(entry) {
      if (entry.kind !== 'account-opened' || entry.accountId !== 'ada') return [entry];
      return [{ ...entry, digest: digestOf(salt, personalOfAccount({ name: 'Ms Eve', openedBy: 'ann' })) }];
    },
    anchor: 0,
  },
  'entries are in a different order': {
    books: [],
    log(entry) {
      if (isTransfer(entry, 't5')) {
        kept = entry;
        return [];
      }
      return kept && isTransfer(entry, 't6') ? [entry, kept] : [entry];
    },
    anchor: 0,
  },
};
let salt = '';
let kept: Entry | null = null;

describe('Anchors reveal a log that was recomputed:', () => {
  it.each(Object.entries(FORGERIES))('%s', async (name, { books, log, anchor }) => {
    const [row] = await db.database.rows<{ salt: Buffer }>("SELECT salt FROM accounts WHERE account_id = 'ada'");
    salt = row?.salt.toString('hex') ?? '';
    kept = null;
    await sql(...books);
    if (name === 'a refusal is inserted')
      await sql(
        "CREATE TEMPORARY TABLE forged SELECT * FROM transfers WHERE transaction_id = 't6'",
        "UPDATE forged SET transaction_id = 't7'",
        'INSERT INTO transfers SELECT * FROM forged',
        'DROP TEMPORARY TABLE forged',
      );
    await recomputeLog(db.database, log);
    // The forgery is perfect: only the anchors differ.
    expect(await report([])).toMatchObject({ clean: true, faults: [] });
    const { faults } = await report();
    const [good, bad] = anchor === 0 ? [0, anchors[0]?.position] : [anchors[0]?.position ?? 0, anchors[1]?.position];
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatchObject({ position: good + 1, what: 'log' });
    expect(faults[0]?.problem).toMatch(
      name.endsWith('is deleted') && anchor === 1
        ? `the end of the log is missing: an anchor from`
        : `the first wrong position is in the range ${good + 1} to ${bad}`,
    );
  });
});

it('Anchors that were signed with another key are reported', async () => {
  const other = generateKeyPairSync('ed25519');
  const [first] = anchors;
  if (!first) throw new Error('no anchor');
  const { faults } = await report([signedAnchor(first, other.privateKey)]);
  expect(faults).toEqual([expect.objectContaining({ what: 'anchors' })]);
});

it('Anchors are reported if all of them belong to another ledger: the database may name the wrong ledger', async () => {
  const others = anchors.map((anchor) => signedAnchor({ ...anchor, ledgerId: 'f'.repeat(32) }, privateKey));
  expect((await report(others)).faults).toEqual([
    expect.objectContaining({ what: 'anchors', problem: expect.stringContaining('2 belong to other ledgers') }),
  ]);
  const shards = anchors.map((anchor) => signedAnchor({ ...anchor, shard: 1 }, privateKey));
  expect((await report(shards)).faults).toEqual([expect.objectContaining({ what: 'anchors' })]);
  expect(await report([...others, ...shards, ...anchors])).toMatchObject({ clean: true, matched: 2 });
});

describe('Without anchors, an audit still finds that the rules did not allow', () => {
  it('a transfer of a negative amount, which would debit its destination', async () => {
    const [row] = await db.database.rows<Record<string, number>>(
      `SELECT source_balance, source_version, source_settings_version, destination_balance, destination_version,
         destination_settings_version FROM transfers WHERE transaction_id = 'z1'`,
    );
    await sql(
      `UPDATE transfers SET amount = -40, source_account = 'ada', destination_account = 'world',
         source_balance = ${row?.['destination_balance']}, source_version = ${row?.['destination_version']},
         source_settings_version = ${row?.['destination_settings_version']},
         destination_balance = ${row?.['source_balance']}, destination_version = ${row?.['source_version']},
         destination_settings_version = ${row?.['source_settings_version']} WHERE transaction_id = 'z1'`,
    );
    await recomputeLog(db.database, (entry) => {
      if (!isTransfer(entry, 'z1') || entry.kind !== 'transfer' || entry.status !== 'POSTED') return [entry];
      const { source, destination, order } = entry;
      const turned = { ...order, amount: -order.amount, source: order.destination, destination: order.source };
      return [{ ...entry, order: turned, source: destination, destination: source }];
    });
    expect((await report([])).faults).toContainEqual(
      expect.objectContaining({ what: 'transfer z1', problem: 'its amount is -40', position: expect.any(Number) }),
    );
  });

  it('a transfer that overdraws an account, even though the books and the log agree', async () => {
    await sql(
      "UPDATE transfers SET source_account = 'bob', source_version = (SELECT version + 1 FROM accounts WHERE account_id = 'bob'), source_balance = (SELECT balance - 40 FROM accounts WHERE account_id = 'bob') WHERE transaction_id = 'z1'",
    );
    const [bob] = await db.database.rows<{ balance: number; version: number; settings_version: number }>(
      "SELECT balance, version, settings_version FROM accounts WHERE account_id = 'bob'",
    );
    if (!bob) throw new Error('no account');
    await sql(
      `UPDATE transfers SET source_settings_version = ${bob.settings_version} WHERE transaction_id = 'z1'`,
      "UPDATE accounts SET balance = balance + 40, version = version - 1 WHERE account_id = 'world'",
      "UPDATE accounts SET balance = balance - 40, version = version + 1 WHERE account_id = 'bob'",
    );
    await recomputeLog(db.database, (entry) => {
      if (!isTransfer(entry, 'z1') || entry.kind !== 'transfer' || entry.status !== 'POSTED') return [entry];
      const source = { balance: bob.balance - 40, version: bob.version + 1, settingsVersion: bob.settings_version };
      return [{ ...entry, order: { ...entry.order, source: 'bob' }, source }];
    });
    const { faults } = await report([]);
    // The account is suspended.
    expect(faults).toContainEqual(
      expect.objectContaining({
        what: 'transfer z1',
        problem: 'the source does not allow it: account_suspended',
        position: expect.any(Number),
      }),
    );
  });
});

it('Anchoring notices within one round that the log no longer has the row that was signed last', async () => {
  const log = new MysqlSealedLog(db.database);
  const passedOn: Anchor[] = [];
  const conflicts: Anchor[] = [];
  const anchoring = new Anchoring({
    ledger: async () => {
      const { ledgerId, shard } = await new MysqlAuditBooks(db.database).begin();
      return { ledgerId, shard };
    },
    head: () => log.head(),
    stored: (after, max) => log.stored(after, max),
    privateKey,
    now: () => Date.now(),
    sinks: [async (anchor) => void passedOn.push(anchor)],
    anchored: () => {},
    conflict: (signed) => void conflicts.push(signed),
  });
  await anchoring.round();
  await anchoring.round();
  expect(conflicts).toEqual([]);
  await sql("DELETE FROM transfers WHERE transaction_id = 't6'");
  await recomputeLog(db.database, (entry) => (isTransfer(entry, 't6') ? [] : [entry]));
  await anchoring.round();
  expect(conflicts).toEqual([passedOn[1]]);
  expect(await report(passedOn.slice(0, 2))).toMatchObject({ clean: false, faults: [{ what: 'log' }] });
});
