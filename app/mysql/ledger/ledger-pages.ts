import type { Account } from '../../domain/types.ts';
import type { HistoryRow, HoldHistory, LedgerPages, WindowSums } from '../../jobs/ledger-history.ts';
import type { Stamp } from '../../journal/cursor.ts';
import type { Database, Session } from '../connection/pool.ts';
import { LIMITED_COLUMNS, type LimitedColumns, limitsOf } from '../rows/account-row.ts';
import { idsOf } from '../rows/group-row.ts';
import { rowsByIds } from '../rows/unsettled-rows.ts';
import { historyItem } from './account-history.ts';
import type { FlushStore } from './flush-store.ts';
import { holdPage } from './hold-pages.ts';
import type { LedgerReader } from './ledger-reader.ts';

interface SideRow {
  account_id: string;
  postings: number;
  version_max: number;
  version_sum: string;
  square_sum: string;
  amount_sum: string;
  /** The sum of the changes of the account's held amount. */
  held_sum: string;
}

const PAGE = 1000;
/** A group may have a hundred transfers. */
const GROUPS_PAGE = 100;
/** A page with a hot account sums millions of rows. */
const PAGE_TIMEOUT_MS = 30 * 60_000;

/** The pages in which the reconciliation reads MySQL. */
export class SqlLedgerPages implements LedgerPages {
  readonly #deps: { database: Database; reader: LedgerReader; flush: FlushStore };
  constructor(deps: { database: Database; reader: LedgerReader; flush: FlushStore }) {
    this.#deps = deps;
  }

  async cursor(): Promise<Stamp> {
    const { epoch, seq } = await this.#deps.flush.cursor();
    return { epoch, cursor: seq };
  }

  async accounts(accountIds: readonly string[]): Promise<Map<string, Account>> {
    return accountIds.length === 0 ? new Map() : (await this.#deps.reader.loadAccounts(accountIds)).accounts;
  }

  async balanceAt(accountId: string, version: number): Promise<{ balance: number; held: number } | null> {
    const item = await historyItem(this.#deps.database, accountId, version);
    return item ? { balance: item.balanceAfter, held: item.heldAfter ?? 0 } : null;
  }

  async *histories(): AsyncIterable<HistoryRow[]> {
    let after = '';
    for (;;) {
      const page = await this.#deps.database.transaction(
        (session) => historyPage(session, after),
        'snapshot',
        PAGE_TIMEOUT_MS,
      );
      const last = page.at(-1);
      if (!last) return;
      yield page;
      after = last.accountId;
    }
  }

  async *groupsInPart(): AsyncIterable<string[]> {
    let after = '';
    for (;;) {
      // A group and its transfers are written in one transaction and never change, so the two reads need no snapshot.
      const groups = await this.#deps.database.rows<{ group_id: string; transaction_ids: string }>(
        `SELECT group_id, transaction_ids FROM transfer_groups WHERE group_id > ? AND \`status\` = 'POSTED'
         ORDER BY group_id LIMIT ${GROUPS_PAGE}`,
        [after],
      );
      const last = groups.at(-1);
      if (!last) return;
      const ids = groups.flatMap(idsOf);
      const rows = await rowsByIds<{ transaction_id: string; group_id: string | null }>(
        this.#deps.database,
        `SELECT transaction_id, group_id FROM transfers WHERE transaction_id IN (?) AND \`status\` = 'POSTED'`,
        ids,
      );
      const groupOf = new Map(rows.map(({ transaction_id, group_id }) => [transaction_id, group_id]));
      yield groups
        .filter((group) => !idsOf(group).every((id) => groupOf.get(id) === group.group_id))
        .map(({ group_id }) => group_id);
      after = last.group_id;
    }
  }

  async *holds(): AsyncIterable<HoldHistory[]> {
    let after = '';
    for (;;) {
      const page = await this.#deps.database.transaction(
        (session) => holdPage(session, after),
        'snapshot',
        PAGE_TIMEOUT_MS,
      );
      const last = page.at(-1);
      if (!last) return;
      yield page;
      after = last.holdId;
    }
  }

  async sums(): Promise<Record<string, string>> {
    const rows = await this.#deps.database.transaction(
      (session) =>
        session.rows<{ currency: string; total: string }>(
          'SELECT currency, CAST(SUM(balance) AS CHAR) AS total FROM accounts GROUP BY currency',
        ),
      'snapshot',
      PAGE_TIMEOUT_MS,
    );
    return Object.fromEntries(rows.map(({ currency, total }) => [currency, total]));
  }
}

/** Reads one page in one snapshot: accounts, both sides of their transfers, and their holds as of the same time. */
async function historyPage(session: Session, after: string): Promise<HistoryRow[]> {
  const accounts = await session.rows<AccountRow>(
    `SELECT a.account_id, a.currency, CAST(a.balance AS CHAR) AS balance, CAST(a.held AS CHAR) AS held,
       a.version, ${LIMITED_COLUMNS} FROM accounts a
     WHERE a.account_id > ? ORDER BY a.account_id LIMIT ${PAGE}`,
    [after],
  );
  if (accounts.length === 0) return [];
  const ids = accounts.map(({ account_id }) => account_id);
  const debits = await sideSums(session, 'source', '-', ids);
  const credits = await sideSums(session, 'destination', '', ids);
  const placings = await holdSums(session, PLACINGS, ids);
  const holdEvents = await holdSums(session, EVENTS, ids);
  const openHolds = await openHoldSums(session, ids);
  const limited = accounts.filter((row) => Object.values(limitsOf(row)).some((limit) => limit !== null));
  const usages = await usageSums(
    session,
    limited.map(({ account_id }) => account_id),
  );
  return accounts.map((account) => {
    const debit = debits.get(account.account_id) ?? NOTHING;
    const credit = credits.get(account.account_id) ?? NOTHING;
    const placed = placings.get(account.account_id) ?? NOTHING;
    const events = holdEvents.get(account.account_id) ?? NOTHING;
    const all = [debit, credit, placed, events];
    const total = (name: 'version_sum' | 'square_sum' | 'amount_sum' | 'held_sum') =>
      String(all.reduce((sum, one) => sum + BigInt(one[name]), 0n));
    return {
      accountId: account.account_id,
      currency: account.currency,
      balance: account.balance,
      held: account.held,
      version: account.version,
      postings: debit.postings + credit.postings,
      holdEvents: placed.postings + events.postings,
      versionMax: Math.max(...all.map(({ version_max }) => version_max)),
      versionSum: total('version_sum'),
      versionSquareSum: total('square_sum'),
      amountSum: total('amount_sum'),
      heldSum: total('held_sum'),
      openHolds: openHolds.get(account.account_id) ?? '0',
      ...(limited.includes(account) && {
        usage: { counted: countedIn(account), posted: usages.get(account.account_id) ?? NO_SUMS },
      }),
    };
  });
}

interface AccountRow extends LimitedColumns {
  account_id: string;
  currency: string;
  balance: string;
  held: string;
  version: number;
}

const countedIn = (row: LimitedColumns): WindowSums => ({
  dayDebit: String(row.day_debit),
  dayCredit: String(row.day_credit),
  monthDebit: String(row.month_debit),
});
const NO_SUMS: WindowSums = { dayDebit: '0', dayCredit: '0', monthDebit: '0' };

/**
 * The usage in the latest windows of accounts, computed from their postings and holds. Times of acceptance are compared in ms,
 * independent of the time zone.
 */
async function usageSums(session: Session, ids: readonly string[]): Promise<Map<string, WindowSums>> {
  if (ids.length === 0) return new Map();
  const rows = await session.rows<{ account_id: string; day_debit: string; day_credit: string; month_debit: string }>(
    `SELECT s.account_id, CAST(SUM(IF(s.at_ms >= s.day_start_ms, s.day_debit, 0)) AS CHAR) AS day_debit,
       CAST(SUM(IF(s.at_ms >= s.day_start_ms, s.credit, 0)) AS CHAR) AS day_credit,
       CAST(SUM(IF(s.at_ms >= s.month_start_ms, s.month_debit, 0)) AS CHAR) AS month_debit
     FROM (${countedSide('source', 'amount', '0', 1)} UNION ALL ${countedSide('destination', '0', 'amount', 2)}
       UNION ALL ${COUNTED_PLACINGS} UNION ALL ${countedHolds('hold_events')} UNION ALL ${countedHolds('hold_captures')}
       UNION ALL ${RETURNED}) s
     WHERE s.at_ms >= s.counted_since_ms GROUP BY s.account_id`,
    [ids, ids, ids, ids, ids, ids],
  );
  return new Map(
    rows.map((row) => [
      row.account_id,
      { dayDebit: row.day_debit, dayCredit: row.day_credit, monthDebit: row.month_debit },
    ]),
  );
}

const countedSide = (side: 'source' | 'destination', debit: string, credit: string, bit: 1 | 2): string =>
  `SELECT a.account_id, a.day_start_ms, a.month_start_ms, a.counted_since_ms, ${debit} AS day_debit,
     ${debit} AS month_debit, ${credit} AS credit,
     TIMESTAMPDIFF(MICROSECOND, '1970-01-01', t.accepted_at) DIV 1000 AS at_ms
   FROM accounts a JOIN transfers t ON t.${side}_account = a.account_id
   WHERE a.account_id IN (?) AND t.${side}_version IS NOT NULL AND (t.counted & ${bit}) > 0`;

/** The amounts of holds that windows counted when they were placed. */
const COUNTED_PLACINGS = `SELECT a.account_id, a.day_start_ms, a.month_start_ms, a.counted_since_ms,
     h.placed_amount AS day_debit, h.placed_amount AS month_debit, 0 AS credit,
     TIMESTAMPDIFF(MICROSECOND, '1970-01-01', h.accepted_at) DIV 1000 AS at_ms
   FROM accounts a JOIN holds h ON h.account_id = a.account_id
   WHERE a.account_id IN (?) AND h.placed_counted = 1`;

/** The amounts that holds later added to the windows of the time at which they were counted, or gave back to them. */
const countedHolds = (table: 'hold_events' | 'hold_captures'): string =>
  `SELECT a.account_id, a.day_start_ms, a.month_start_ms, a.counted_since_ms, h.day_change AS day_debit,
     h.month_change AS month_debit, 0 AS credit, h.counted_at_ms AS at_ms
   FROM accounts a JOIN ${table} h ON h.account_id = a.account_id
   WHERE a.account_id IN (?) AND (h.day_change <> 0 OR h.month_change <> 0)`;

/** The debits of transfers to other shards that were subtracted again because the money was returned. */
const RETURNED = `SELECT a.account_id, a.day_start_ms, a.month_start_ms, a.counted_since_ms, -t.amount AS day_debit,
     -t.amount AS month_debit, 0 AS credit, t.counted_at_ms AS at_ms
   FROM accounts a JOIN transfers t ON t.destination_account = a.account_id
   WHERE a.account_id IN (?) AND t.destination_version IS NOT NULL AND t.counted_at_ms IS NOT NULL`;

const NOTHING = { postings: 0, version_max: 0, version_sum: '0', square_sum: '0', amount_sum: '0', held_sum: '0' };

async function sideSums(
  session: Session,
  side: 'source' | 'destination',
  sign: '-' | '',
  ids: string[],
): Promise<Map<string, SideRow>> {
  const rows = await session.rows<SideRow>(
    `SELECT ${side}_account AS account_id, COUNT(*) AS postings, MAX(${side}_version) AS version_max,
       CAST(SUM(${side}_version) AS CHAR) AS version_sum,
       CAST(SUM(CAST(${side}_version AS DECIMAL(20)) * ${side}_version) AS CHAR) AS square_sum,
       CAST(SUM(${sign}amount) AS CHAR) AS amount_sum,
       ${side === 'source' ? 'CAST(SUM(COALESCE(held_change, 0)) AS CHAR)' : "'0'"} AS held_sum
     FROM transfers WHERE ${side}_account IN (?) AND ${side}_version IS NOT NULL GROUP BY ${side}_account`,
    [ids],
  );
  return new Map(rows.map((row) => [row.account_id, row]));
}

/** The sums of the placings of holds, or of their later events. */
async function holdSums(
  session: Session,
  [table, version, change]: typeof PLACINGS | typeof EVENTS,
  ids: string[],
): Promise<Map<string, SideRow>> {
  const rows = await session.rows<SideRow>(
    `SELECT account_id, COUNT(*) AS postings, MAX(${version}) AS version_max, CAST(SUM(${version}) AS CHAR) AS version_sum,
       CAST(SUM(CAST(${version} AS DECIMAL(20)) * ${version}) AS CHAR) AS square_sum, '0' AS amount_sum,
       CAST(SUM(${change}) AS CHAR) AS held_sum
     FROM ${table} WHERE account_id IN (?) AND ${version} IS NOT NULL GROUP BY account_id`,
    [ids],
  );
  return new Map(rows.map((row) => [row.account_id, row]));
}
const PLACINGS = ['holds', 'placed_version', 'placed_amount'] as const;
const EVENTS = ['hold_events', 'version', 'held_change'] as const;

async function openHoldSums(session: Session, ids: string[]): Promise<Map<string, string>> {
  const rows = await session.rows<{ account_id: string; total: string }>(
    `SELECT account_id, CAST(SUM(hold_amount - captured) AS CHAR) AS total
     FROM holds WHERE account_id IN (?) AND \`status\` = 'OPEN' GROUP BY account_id`,
    [ids],
  );
  return new Map(rows.map(({ account_id, total }) => [account_id, total]));
}
