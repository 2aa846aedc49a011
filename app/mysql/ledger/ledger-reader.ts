import { type HoldOutcome, holdOutcomeOf } from '../../domain/hold-events.ts';
import type { StoredHold } from '../../domain/hold-types.ts';
import type { Account, Outcome } from '../../domain/types.ts';
import type { Stamp } from '../../journal/cursor.ts';
import type { AuthorityStamp, LedgerDatabase } from '../../ledger/ports/ledger-database.ts';
import type { Database, Session } from '../connection/pool.ts';
import { ACCOUNT_COLUMNS, type AccountColumns, accountOfRow } from '../rows/account-row.ts';
import { type AuthorityColumns, modeOf } from '../rows/authority-row.ts';
import { groupsByIds } from '../rows/group-row.ts';
import { HOLD_COLUMNS, type HoldRow, storedHoldOfRow } from '../rows/hold-rows.ts';
import { outcomeOfRow, TRANSFER_COLUMNS, type TransferRow } from '../rows/transfer-row.ts';
import { frozenAmong, rowsByIds, unsettledAmong } from '../rows/unsettled-rows.ts';
import { knownResults, unsettledKeys } from './direct-holds.ts';

interface StampColumns {
  cursor_epoch: number;
  cursor_seq: number;
  authority_epoch: number;
  mode: AuthorityColumns['mode'];
  cache_epoch: number | null;
  now_ms: number;
}
const STAMP_COLUMNS = `c.epoch AS cursor_epoch, c.seq AS cursor_seq, u.epoch AS authority_epoch, u.mode, u.cache_epoch,
  CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED) AS now_ms`;
const STAMP = 'flush_cursor c JOIN authority u ON u.ledger_id = c.ledger_id AND u.shard = c.shard';

/**
 * Reads accounts and outcomes. The cursor and the authority are joined to the rows, because one statement is one
 * snapshot: the rows show exactly what the flush had written when it was at that cursor.
 *
 * The accounts and ids that wait for a journal are read only if that snapshot shows that there are any. Then
 * everything is read again, in one snapshot of several statements. If these tables, which are nearly always empty,
 * were joined to every read, a lookup would cost 50 % more.
 */
export class LedgerReader implements LedgerDatabase {
  readonly #database: Database;
  constructor(database: Database) {
    this.#database = database;
  }

  async loadAccounts(accountIds: readonly string[]) {
    const found = await accountsIn(this.#database, accountIds);
    if (!someWait(found.authority)) return { ...found, frozen: new Set<string>() };
    return this.#database.transaction(
      async (session) => ({
        ...(await accountsIn(session, accountIds)),
        frozen: await frozenAmong(session, accountIds),
      }),
      'snapshot',
    );
  }

  async findOutcomes(transactionIds: readonly string[]) {
    const found = await outcomesIn(this.#database, transactionIds);
    if (!someWait(found.authority)) return { ...found, unsettled: new Set<string>() };
    return this.#database.transaction(
      async (session) => ({
        ...(await outcomesIn(session, transactionIds)),
        unsettled: await unsettledAmong(session, 'transfers', transactionIds),
      }),
      'snapshot',
    );
  }

  async findGroups(groupIds: readonly string[], transactionIds: readonly string[]) {
    return this.#database.transaction(async (session) => {
      const stamps = stampOf(await session.rows((own) => `SELECT ${STAMP_COLUMNS} FROM ${STAMP} WHERE ${own('c')}`));
      const waits = someWait(stamps.authority);
      const waitingGroups = waits ? await unsettledAmong(session, 'group', groupIds) : [];
      return {
        ...stamps,
        outcomes: await groupsByIds(session, groupIds),
        taken: await transfersAmong(session, transactionIds),
        unsettled: new Set([
          ...[...waitingGroups].map((id) => `+${id}`),
          ...(waits ? await unsettledAmong(session, 'transfers', transactionIds) : []),
        ]),
      };
    }, 'snapshot');
  }

  async findHolds(keys: readonly string[]) {
    return this.#database.transaction(async (session) => {
      const stamps = stampOf(await session.rows((own) => `SELECT ${STAMP_COLUMNS} FROM ${STAMP} WHERE ${own('c')}`));
      const outcomes = new Map<string, HoldOutcome>();
      for (const [key, result] of await knownResults(session, keys))
        if ('event' in result) outcomes.set(key, holdOutcomeOf(result.event, true, true));
      const unsettled = someWait(stamps.authority) ? await unsettledKeys(session, keys) : new Set<string>();
      return { ...stamps, outcomes, unsettled };
    }, 'snapshot');
  }

  async loadHolds(holdIds: readonly string[]) {
    const found = await holdsIn(this.#database, holdIds);
    if (!someWait(found.authority)) return { ...found, frozen: new Set<string>() };
    return this.#database.transaction(async (session) => {
      const again = await holdsIn(session, holdIds);
      const holds = [...again.holds.values()];
      const accounts = await frozenAmong(session, [...new Set(holds.map(({ account }) => account))]);
      const frozen = holds.filter(({ account }) => accounts.has(account)).map(({ holdId }) => holdId);
      return { ...again, frozen: new Set(frozen) };
    }, 'snapshot');
  }
}

async function transfersAmong(session: Session, ids: readonly string[]): Promise<Set<string>> {
  const sql = 'SELECT transaction_id FROM transfers WHERE transaction_id IN (?)';
  const rows = await rowsByIds<{ transaction_id: string }>(session, sql, ids);
  return new Set(rows.map(({ transaction_id }) => transaction_id));
}

/**
 * DIRECT is the only mode that can begin before everything is recovered. In CLOSING, it is not yet known which accounts
 * and ids will have to wait.
 */
const someWait = ({ mode, recovered }: AuthorityStamp): boolean => mode === 'DIRECT' && !recovered;

async function accountsIn(source: Database | Session, accountIds: readonly string[]) {
  const rows = await source.rows<StampColumns & Found<AccountColumns> & { last_accepted_ms: number | null }>(
    (
      own,
    ) => `SELECT ${STAMP_COLUMNS}, ${ACCOUNT_COLUMNS}, a.last_accepted_ms FROM ${STAMP} LEFT JOIN accounts a ON a.account_id IN (?)
     WHERE ${own('c')}`,
    [accountIds],
  );
  const accounts = new Map<string, Account>();
  let acceptedUpTo = 0;
  for (const row of rows) {
    if (!isAccount(row)) continue;
    accounts.set(row.account_id, accountOfRow(row));
    acceptedUpTo = Math.max(acceptedUpTo, row.last_accepted_ms ?? 0);
  }
  return { ...stampOf(rows), accounts, acceptedUpTo, readAt: rows[0]?.now_ms ?? 0 };
}

async function outcomesIn(source: Database | Session, transactionIds: readonly string[]) {
  const rows = await source.rows<StampColumns & Found<TransferRow>>(
    (own) => `SELECT ${STAMP_COLUMNS}, t.*
     FROM ${STAMP} LEFT JOIN (SELECT ${TRANSFER_COLUMNS} FROM transfers WHERE transaction_id IN (?)) t ON TRUE
     WHERE ${own('c')}`,
    [transactionIds],
  );
  const outcomes = new Map<string, Outcome>();
  for (const row of rows) if (isTransfer(row)) outcomes.set(row.transaction_id, outcomeOfRow(row));
  return { ...stampOf(rows), outcomes };
}

async function holdsIn(source: Database | Session, holdIds: readonly string[]) {
  const rows = await source.rows<StampColumns & Found<HoldRow>>(
    (own) =>
      `SELECT ${STAMP_COLUMNS}, ${HOLD_COLUMNS} FROM ${STAMP} LEFT JOIN holds h ON h.hold_id IN (?) WHERE ${own('c')}`,
    [holdIds],
  );
  const holds = new Map<string, StoredHold>();
  for (const row of rows) {
    const hold = isHold(row) ? storedHoldOfRow(row) : null;
    if (hold) holds.set(hold.holdId, hold);
  }
  return { ...stampOf(rows), holds, readAt: rows[0]?.now_ms ?? 0 };
}

/** The columns of the right side of the join: all null if nothing was found. */
type Found<T> = T | { [K in keyof T]: null };
const isAccount = <R>(row: R & Found<AccountColumns>): row is R & AccountColumns => row.account_id !== null;
const isHold = <R>(row: R & Found<HoldRow>): row is R & HoldRow => row.hold_id !== null;
const isTransfer = (row: Found<TransferRow>): row is TransferRow => row.transaction_id !== null;

function stampOf(rows: readonly StampColumns[]): { stamp: Stamp; authority: AuthorityStamp } {
  const row = rows[0];
  if (!row) throw new Error('flush_cursor or authority has no row: the schema is not migrated');
  const { cache_epoch } = row;
  const { mode } = modeOf(row.mode);
  return {
    stamp: { epoch: row.cursor_epoch, cursor: row.cursor_seq },
    authority: {
      epoch: row.authority_epoch,
      mode,
      recovered: mode === 'CACHE' || (mode !== 'CLOSING' && cache_epoch === null),
    },
  };
}
