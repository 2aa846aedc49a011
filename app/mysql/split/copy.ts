import { shardOfAccount } from '../../domain/account-shard.ts';
import type { Database, Session } from '../connection/pool.ts';
import { groupHome } from './group-home.ts';
import { InnerAccounts } from './inner-accounts.ts';
import { insertRows, PAGE_TIMEOUT_MS, type Page, type Position, TableReader } from './pages.ts';
import { type PlacedTransfer, placedTransfer, type Row, type StoredTransfer } from './split-rows.ts';
import { COPIED_AFTER, COPIED_BEFORE, PROGRESS, type Target, tablesOf } from './tables.ts';

/** Writes the rows that a new shard gets from one page of a table of the old shard. @returns the number of rows */
type Write = (session: Session, page: Page) => Promise<number>;

export interface Copying {
  old: Database;
  fresh: Database;
  target: Target;
  /** Called after every page. */
  onPage?: ((table: string, rows: number) => void) | undefined;
  pageRows?: number | undefined;
}

/**
 * Copies the rows that a new shard gets from an old one, page by page. A page and the progress are written in one
 * transaction, so a copy that was interrupted at any point continues where it stopped.
 * @throws SpansShards
 */
export async function copyShard(copying: Copying): Promise<void> {
  const { old, target } = copying;
  const same = ([table, belongs]: [string, (row: Row, to: Target) => boolean]): [string, Write] => [
    table,
    async (session, { rows }) => {
      const own = rows.filter((row) => belongs(row, target));
      await insertRows(session, table, own);
      return own.length;
    },
  ];
  const steps: [string, Write][] = [
    ...Object.entries(COPIED_BEFORE).map(same),
    ['transfers', (session, page) => writeTransfers(session, page, target)],
    ['crossings', (session, page) => writeCrossings(session, page, old, target)],
    ['transfer_groups', (session, page) => writeGroups(session, page, old, target)],
    ...Object.entries(COPIED_AFTER).map(same),
  ];
  const tables = await tablesOf(old);
  for (const [table, write] of steps) if (tables.has(table)) await copyTable(copying, table, write);
}

async function copyTable({ old, fresh, onPage, pageRows }: Copying, table: string, write: Write): Promise<void> {
  const reader = await TableReader.of(old, table);
  let { position, done } = await progressOf(fresh, table);
  while (!done) {
    const page = await reader.after(position, pageRows);
    const rows = await fresh.transaction(
      async (session) => {
        const written = page ? await write(session, page) : 0;
        await session.run(
          `INSERT INTO ${PROGRESS} (step, position, done, copied) VALUES (?, ?, ?, ?)
           ON DUPLICATE KEY UPDATE position = VALUES(position), done = VALUES(done), copied = copied + VALUES(copied)`,
          [table, JSON.stringify(page?.next ?? position), page === null, written],
        );
        return written;
      },
      'read-committed',
      PAGE_TIMEOUT_MS,
    );
    position = page?.next ?? position;
    done = page === null;
    onPage?.(table, rows);
  }
}

async function progressOf(fresh: Database, table: string): Promise<{ position: Position | null; done: boolean }> {
  const [row] = await fresh.rows<{ position: string; done: number }>(
    `SELECT position, done FROM ${PROGRESS} WHERE step = ?`,
    [table],
  );
  return { position: row ? (JSON.parse(row.position) as Position | null) : null, done: row?.done === 1 };
}

async function writeTransfers(session: Session, { rows }: Page, { shard, shards }: Target): Promise<number> {
  const placed = rows.flatMap((row) => placedTransfer(row as StoredTransfer, shard, shards) ?? []);
  const inner = await InnerAccounts.load(session);
  const posted = placed.map((one) => withInner(one, inner));
  await inner.save(session);
  await insertRows(session, 'transfers', posted);
  await insertRows(
    session,
    'crossings',
    placed.flatMap(({ crossing }): Row[] => (crossing ? [crossing] : [])),
  );
  return posted.length;
}

/** The row, with the version and balance of each inner account after the transfer. */
function withInner({ row, inner: sides }: PlacedTransfer, inner: InnerAccounts): Row {
  const transfer = row as StoredTransfer;
  const { currency, amount, status, transaction_id: transactionId } = transfer;
  const filled: Row = { ...row };
  for (const { side, account } of sides) {
    if (status === 'REJECTED') {
      filled[`${side}_account`] = inner.unmoved(account, currency);
      continue;
    }
    const acceptedMs = (row['accepted_at'] as Date).getTime();
    const moved = { transactionId, currency, amount: side === 'source' ? -amount : amount, acceptedMs };
    const { accountId, version, balance } = inner.move(account, moved);
    const after = { account: accountId, version, balance, settings_version: 1 };
    for (const [column, value] of Object.entries(after)) filled[`${side}_${column}`] = value;
  }
  return filled;
}

/** Writes crossings of a ledger that already had several shards. All of them must have ended. */
async function writeCrossings(session: Session, { rows }: Page, old: Database, target: Target): Promise<number> {
  const { shard, shards } = target;
  const ids = rows.map((row) => row['transaction_id']);
  const sources = await old.rows<{ transaction_id: string; client_source: string }>(
    'SELECT transaction_id, client_source FROM transfers WHERE transaction_id IN (?)',
    [ids],
  );
  const sourceOf = new Map(sources.map(({ transaction_id, client_source }) => [transaction_id, client_source]));
  const own = rows.flatMap((row) => {
    const id = String(row['transaction_id']);
    const source = sourceOf.get(id);
    if (source === undefined || row['state'] === 'OPEN')
      throw new Error(`crossing ${id} is still open, or its money has not left the source`);
    if (shardOfAccount(source, shards) !== shard) return [];
    return [{ ...row, to_shard: shardOfAccount(String(row['destination_account']), shards) }];
  });
  await insertRows(session, 'crossings', own);
  return own.length;
}

async function writeGroups(session: Session, { rows }: Page, old: Database, target: Target): Promise<number> {
  const homes = await groupHome(old, rows, target.shards);
  const own = rows.filter((_, at) => homes[at] === target.shard);
  await insertRows(session, 'transfer_groups', own);
  return own.length;
}
