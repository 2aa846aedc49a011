import { expect } from 'vitest';
import { verifyLog } from '../../../jobs/log-verifier.ts';
import { encodeEntry } from '../../../journal/sealed/entry-codec.ts';
import { digestOf, personalOfAccount, personalOfHold, personalOfTransfer } from '../../../journal/sealed/personal.ts';
import type { SealedEntry } from '../../../journal/sealed/sealed-entry.ts';
import type { Database } from '../../connection/pool.ts';
import { groupsByIds } from '../../rows/group-row.ts';
import { holdUpdatesOf, placingsOf } from '../../rows/hold-rows.ts';
import { outcomeOfRow, TRANSFER_COLUMNS, type TransferRow } from '../../rows/transfer-row.ts';
import { MysqlLogStore } from '../log-store.ts';
import { MysqlSealedLog } from '../sealed-log-reader.ts';

/** All entries of the log, in order, in pages. */
export async function entriesOfLog(database: Database, rows = 3): Promise<SealedEntry[]> {
  const log = new MysqlSealedLog(database);
  const entries: SealedEntry[] = [];
  for (let after = 0; ; ) {
    const page = await log.read(after, { rows, bytes: 1_000_000 });
    if (page.length === 0) return entries;
    expect(page.map(({ position }) => position)).toEqual(page.map((_, index) => after + index + 1));
    after += page.length;
    entries.push(...page.flatMap((row) => row.entries));
  }
}

/**
 * Seals the waiting entries, and checks that the chain is unbroken; that everything in the books that has a salt is in
 * the log exactly once, with the same content; and that the entries of each account are in the order of its versions.
 */
export async function expectWholeLog(database: Database): Promise<SealedEntry[]> {
  const store = new MysqlLogStore(database);
  while (await store.sealNext());
  expect(await verifyLog(new MysqlSealedLog(database))).toHaveProperty('head');
  const entries = await entriesOfLog(database);
  expect(entries.flatMap(lineOf).sort()).toEqual((await linesOfBooks(database)).sort());
  expectVersionsInOrder(entries);
  return entries;
}

const LINES = new Set<SealedEntry['kind']>(['transfer', 'group', 'hold']);
/** What is compared with the books: the whole line, or only ids if the books do not have all of the line. */
function lineOf(entry: SealedEntry): string[] {
  if (entry.kind === 'unknown') throw new Error(`an entry of the unknown type ${entry.type}`);
  if (LINES.has(entry.kind)) return [encodeEntry(entry)];
  if (entry.kind === 'account-changed') {
    const { changeId, accountId, settingsVersion } = entry.change;
    return [`change ${changeId} ${accountId} ${settingsVersion}`];
  }
  return entry.kind === 'account-opened' || entry.kind === 'account-state'
    ? [`account ${entry.accountId} ${entry.digest}`]
    : [];
}

const hex = (salt: Buffer) => salt.toString('hex');

async function linesOfBooks(database: Database): Promise<string[]> {
  const transfers = await database.rows<TransferRow & { salt: Buffer }>(
    `SELECT ${TRANSFER_COLUMNS}, salt FROM transfers WHERE salt IS NOT NULL`,
  );
  const changes = await database.rows<{ change_id: string; account_id: string; settings_version: number }>(
    'SELECT change_id, account_id, settings_version FROM account_changes WHERE salt IS NOT NULL',
  );
  const accounts = await database.rows<{ account_id: string; name: string | null; opened_by: string; salt: Buffer }>(
    'SELECT account_id, `name`, opened_by, salt FROM accounts WHERE salt IS NOT NULL',
  );
  return [
    ...transfers.map((row) => {
      const outcome = outcomeOfRow(row);
      return encodeEntry({
        ...outcome,
        kind: 'transfer',
        digest: digestOf(hex(row.salt), personalOfTransfer(outcome)),
      });
    }),
    ...(await groupLines(database)),
    ...(await holdLines(database)),
    ...changes.map((row) => `change ${row.change_id} ${row.account_id} ${row.settings_version}`),
    ...accounts.map(
      ({ account_id, name, opened_by: openedBy, salt }) =>
        `account ${account_id} ${digestOf(hex(salt), personalOfAccount({ name, openedBy }))}`,
    ),
  ];
}

/** Posted groups have no salt of their own, so the books must not contain groups that are older than the log. */
async function groupLines(database: Database): Promise<string[]> {
  const rows = await database.rows<{ id: string; salt: Buffer | null }>(
    'SELECT group_id AS id, salt FROM transfer_groups',
  );
  const groups = await groupsByIds(
    database,
    rows.map(({ id }) => id),
  );
  return rows.flatMap(({ id, salt }) => {
    const outcome = groups.get(id);
    if (!outcome) return [];
    const { group, acceptedAt, epoch, seq } = outcome;
    const { orders, split } = group;
    const common = { kind: 'group', groupId: id, split, acceptedAt, epoch, seq } as const;
    if (outcome.status === 'POSTED') {
      const accounts = [...new Set(orders.flatMap(({ source, destination }) => [source, destination]))];
      const transactionIds = orders.map(({ transactionId }) => transactionId);
      return [encodeEntry({ ...common, status: 'POSTED', transactionIds, accounts })];
    }
    if (!salt) throw new Error(`the refused group ${id} has no salt`);
    const { status, index, refusal, limit, takenAt } = outcome;
    const personal = [takenAt, orders.map((one) => [one.user, one.correlationId, one.reference, one.metadata])];
    const digest = digestOf(hex(salt), JSON.stringify(personal));
    return [encodeEntry({ ...common, status, orders, index, refusal, ...(limit && { limit }), digest })];
  });
}

async function holdLines(database: Database): Promise<string[]> {
  const salts = await database.rows<{ id: string; salt: Buffer; placing: number }>(
    `SELECT hold_id AS id, salt, 1 AS placing FROM holds WHERE salt IS NOT NULL
     UNION ALL SELECT event_id, salt, 0 FROM hold_events WHERE salt IS NOT NULL`,
  );
  const ids = (placing: number) => salts.flatMap((row) => (row.placing === placing ? [row.id] : []));
  const placings = await placingsOf(database, ids(1));
  const updates = await holdUpdatesOf(database, ids(0));
  return salts.map(({ id, salt, placing }) => {
    const event = placing === 1 ? placings.get(id) : updates.get(id);
    if (!event) throw new Error(`the event ${id} is missing`);
    return encodeEntry({ kind: 'hold', event, digest: digestOf(hex(salt), personalOfHold(event)) });
  });
}

/** A version follows the previous version of the account, or the version in its state. */
function expectVersionsInOrder(entries: readonly SealedEntry[]): void {
  const versions = new Map<string, number>();
  const take = (account: string, version: number) => {
    const before = versions.get(account);
    if (before !== undefined) expect(`${account} ${version}`).toBe(`${account} ${before + 1}`);
    versions.set(account, version);
  };
  for (const entry of entries) {
    if (entry.kind === 'account-opened') versions.set(entry.accountId, 0);
    if (entry.kind === 'account-state') {
      const { accountId, version } = entry;
      expect(versions.get(accountId) ?? version).toBe(version);
      versions.set(accountId, version);
    }
    if (entry.kind === 'hold' && 'side' in entry.event) take(entry.event.account, entry.event.side.version);
    if (entry.kind === 'transfer' && entry.status === 'POSTED') {
      take(entry.order.source, entry.source.version);
      take(entry.order.destination, entry.destination.version);
    }
  }
}
