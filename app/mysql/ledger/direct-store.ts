import type { Format } from '../../domain/authority.ts';
import type { BusinessCalendar } from '../../domain/business-calendar.ts';
import { accountsOfGroup, type GroupOutcome } from '../../domain/group.ts';
import { ID_AHEAD_MS_MAX, uuidV7Time, withoutMark } from '../../domain/ids.ts';
import type { LimitReached } from '../../domain/limits.ts';
import { Problem } from '../../domain/problem.ts';
import { isStopped } from '../../domain/stop.ts';
import type { Account, Outcome } from '../../domain/types.ts';
import { accountsOfItem, holdIdOf, keyOfItem } from '../../journal/hold-codec.ts';
import { linesIn } from '../../journal/sealed/line-pages.ts';
import { type Committed, isLogged, NO_SALTS, type Salts, sealingOf } from '../../journal/sealed/sealing.ts';
import type { Clock } from '../../kernel/clock.ts';
import { retried } from '../../kernel/retry.ts';
import { decideChange, decideTransfers, LedgerTime } from '../../ledger/direct/decide.ts';
import { decideGroups } from '../../ledger/direct/decide-group.ts';
import { decideHolds } from '../../ledger/direct/decide-holds.ts';
import {
  type DirectChange,
  DirectError,
  type DirectGroup,
  type DirectHold,
  type DirectItem,
  type DirectServer,
  type HoldAnswer,
} from '../../ledger/ports/direct-server.ts';
import { isIdTaken, isRolledBack } from '../connection/mysql-errors.ts';
import type { Database, Session } from '../connection/pool.ts';
import { ACCOUNT_COLUMNS, type AccountColumns, accountOfRow } from '../rows/account-row.ts';
import { type AuthorityColumns, modeOf } from '../rows/authority-row.ts';
import { calendarBetween } from '../rows/business-day-row.ts';
import { groupsByIds } from '../rows/group-row.ts';
import { outcomeOfRow, TRANSFER_COLUMNS, type TransferRow } from '../rows/transfer-row.ts';
import { noteUnsealed } from '../rows/unsealed-rows.ts';
import { frozenAmong, rowsByIds, unsettledAmong } from '../rows/unsettled-rows.ts';
import { knownResults, lockHolds, unsettledKeys } from './direct-holds.ts';
import { moveAccounts, type OnLimitsReached, readCursor, writeChange } from './flush-store.ts';
import { insertGroups } from './group-writer.ts';
import { writeHolds } from './hold-writer.ts';
import { insertOutcomes } from './outcome-writer.ts';
import { countUsage } from './usage-writer.ts';

const RETRIES_MAX = 3;
const RETRY_BASE_MS = 10;
/** How far beyond its ids a call raises `id_time_max`, ms, so that not every call writes this row. */
const ID_TIME_STEP_MS = 10_000;

interface DirectState {
  /** Whether anything waits for the journal of an ended epoch. */
  unsettled: boolean;
  /** Whether an operator has stopped the ledger: only results that exist are returned. */
  stopped: boolean;
  format: Format;
}
/** The work of a transaction, once the authority has been checked. */
type Work<T> = (session: Session, state: DirectState) => Promise<T>;

/**
 * MySQL as the ledger, while it has the authority. Every call is one transaction, which locks in this order, so that
 * deadlocks are rare: the authority row (shared, so that a move of the authority waits for the call, or the call
 * finds that the authority has moved), accounts by id, outcomes by id.
 *
 * Ids are looked up only after the accounts are locked. The lock waits for a transaction with the same id and accounts
 * that is still in progress, such as one whose commit was sent but not answered. A conflict with a transaction with the
 * same id and other accounts is detected at the primary key.
 */
export class DirectStore implements DirectServer {
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #onReached: OnLimitsReached;
  /** A value that `id_time_max` is known to have reached; it only increases. */
  #idTimeMax = 0;

  /** @param deps `onReached` is called with the limits of accounts that a call has reached */
  constructor(deps: { database: Database; clock: Clock; onReached?: OnLimitsReached }) {
    this.#database = deps.database;
    this.#clock = deps.clock;
    this.#onReached = deps.onReached ?? (() => {});
  }

  async apply(epoch: number, items: readonly DirectItem[]): Promise<(Outcome | Problem)[]> {
    if (items.length === 0) return [];
    const ids = unique(items.map(({ order }) => order.transactionId));
    const accountIds = unique(items.flatMap(({ order }) => [order.source, order.destination]));
    let reached: LimitReached[] = [];
    const answers = await this.#transaction(epoch, ids, async (session, { unsettled, stopped, format }) => {
      const locked = await lockAccounts(session, accountIds);
      this.#mustCover(ids, locked.time);
      const decided = decideTransfers(items, {
        epoch,
        stopped,
        ...locked,
        existing: await existingOutcomes(session, ids),
        frozen: unsettled ? await frozenAmong(session, accountIds) : NONE,
        unsettled: unsettled ? await unsettledAmong(session, 'transfers', ids) : NONE,
        calendar: await calendarFor(session, locked),
        podNow: this.#clock.now(),
      });
      await moveAccounts(session, decided.moves);
      reached = await countUsage(session, decided.outcomes, []);
      const salts = await note(session, format, { epoch, decided: decided.outcomes });
      // Inserts in order of ids, so that two calls with the same ids wait for one another at the
      // primary key, and never in a cycle.
      await insertOutcomes(session, decided.outcomes.sort(byTransactionId), salts);
      return decided.answers;
    });
    this.#onReached(reached);
    return answers;
  }

  async applyGroups(epoch: number, items: readonly DirectGroup[]): Promise<(GroupOutcome | Problem)[]> {
    if (items.length === 0) return [];
    const groupIds = unique(items.map(({ group }) => group.groupId));
    const ids = unique(items.flatMap(({ group }) => group.orders.map(({ transactionId }) => transactionId)));
    const accountIds = unique(items.flatMap(({ group }) => accountsOfGroup(group)));
    let reached: LimitReached[] = [];
    const answers = await this.#transaction(
      epoch,
      [...groupIds, ...ids],
      async (session, { unsettled, stopped, format }) => {
        const locked = await lockAccounts(session, accountIds);
        this.#mustCover([...groupIds, ...ids], locked.time);
        const decided = decideGroups(items, {
          epoch,
          stopped,
          ...locked,
          groups: await groupsByIds(session, groupIds),
          existing: await existingOutcomes(session, ids),
          frozen: unsettled ? await frozenAmong(session, accountIds) : NONE,
          unsettled: unsettled ? await unsettledAmong(session, 'transfers', ids) : NONE,
          unsettledGroups: unsettled ? await unsettledAmong(session, 'group', groupIds) : NONE,
          calendar: await calendarFor(session, locked),
          podNow: this.#clock.now(),
        });
        await moveAccounts(session, decided.moves);
        reached = await countUsage(session, decided.outcomes, []);
        const salts = await note(session, format, { epoch, decided: decided.outcomes, groups: decided.groups });
        await insertOutcomes(session, decided.outcomes.sort(byTransactionId), salts);
        await insertGroups(session, decided.groups.sort(byGroupId), salts);
        return decided.answers;
      },
    );
    this.#onReached(reached);
    return answers;
  }

  async applyHolds(epoch: number, items: readonly DirectHold[]): Promise<(HoldAnswer | Problem)[]> {
    if (items.length === 0) return [];
    const keys = unique(items.map(({ hold }) => keyOfItem(hold)));
    const ids = keys.map(withoutMark);
    const accountIds = unique(items.flatMap(({ hold }) => accountsOfItem(hold)));
    let reached: LimitReached[] = [];
    const answers = await this.#transaction(epoch, ids, async (session, { unsettled, stopped, format }) => {
      const locked = await lockAccounts(session, accountIds);
      this.#mustCover(ids, locked.time);
      const decided = decideHolds(items, {
        epoch,
        stopped,
        ...locked,
        holds: await lockHolds(session, unique(items.map(({ hold }) => holdIdOf(hold)))),
        known: await knownResults(session, keys),
        frozen: unsettled ? await frozenAmong(session, accountIds) : NONE,
        unsettledKeys: unsettled ? await unsettledKeys(session, keys) : NONE,
        calendar: await calendarFor(session, locked),
        podNow: this.#clock.now(),
      });
      await moveAccounts(session, decided.moves);
      reached = await countUsage(session, decided.decided, []);
      const salts = await note(session, format, { epoch, decided: decided.decided });
      await insertOutcomes(session, decided.outcomes.sort(byTransactionId), salts);
      await writeHolds(session, decided.events, decided.outcomes, salts);
      return decided.answers;
    });
    this.#onReached(reached);
    return answers;
  }

  async change(epoch: number, change: DirectChange): Promise<Account> {
    const { accountId, changeId } = change;
    const decided = await this.#transaction(epoch, [changeId], async (session, { unsettled, stopped, format }) => {
      const { accounts, time } = await lockAccounts(session, [accountId]);
      this.#mustCover([changeId], { idTimeMax: Number.POSITIVE_INFINITY });
      const decision = decideChange(change, {
        account: accounts.get(accountId),
        time,
        stopped,
        done: await changeExists(session, changeId),
        frozen: unsettled && (await frozenAmong(session, [accountId])).has(accountId),
        unsettled: unsettled && (await unsettledAmong(session, 'account-change', [changeId])).has(changeId),
      });
      if (!(decision instanceof Problem) && decision.write) {
        const salts = await note(session, format, { epoch, decided: [], changes: [decision.write] });
        await writeChange(session, decision.write, epoch, salts);
        await countUsage(session, [], [decision.write]);
      }
      return decision;
    });
    if (decided instanceof Problem) throw decided;
    return decided.account;
  }

  /** @throws DirectError */
  async #transaction<T>(epoch: number, ids: readonly string[], work: Work<T>): Promise<T> {
    let commitSent = false;
    const attempt = async () => {
      commitSent = false;
      await this.#raiseIdTimeMax(ids);
      return this.#database.transaction(async (session) => {
        const done = await work(session, await requireAuthority(session, epoch));
        // The next statement is COMMIT: a failure from here on does not show whether the commit took effect.
        commitSent = true;
        return done;
      });
    };
    const when = (error: unknown) => !commitSent && isRolledBack(error);
    try {
      return await retried({ clock: this.#clock, retriesMax: RETRIES_MAX, baseMs: RETRY_BASE_MS, when }, attempt);
    } catch (error) {
      if (error instanceof DirectError) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      const refused = error instanceof Problem || isIdTaken(error) ? 'unable' : 'failed';
      throw new DirectError(commitSent ? 'in_doubt' : refused, reason, { cause: error });
    }
  }

  /**
   * Raises `id_time_max` to the time of these ids before the ids are stored. This uses a separate transaction, because all pods
   * write this one row, and in the transfers' transaction each call would lock it while waiting for its accounts. The value
   * only increases; a value that is too high only makes lookups slower, but an id that is rejected because it is too far ahead
   * must not raise it.
   */
  async #raiseIdTimeMax(ids: readonly string[]): Promise<void> {
    const latest = Math.max(...ids.map((id) => uuidV7Time(id) ?? 0));
    if (latest <= this.#idTimeMax) return;
    await this.#database.rows(
      (own) => `UPDATE flush_cursor SET id_time_max = GREATEST(id_time_max, LEAST(?, ${NOW_MS} + ?)) WHERE ${own()}`,
      [latest + ID_TIME_STEP_MS, ID_AHEAD_MS_MAX + ID_TIME_STEP_MS],
    );
    const { idTimeMax } = await readCursor(this.#database);
    this.#idTimeMax = Math.max(this.#idTimeMax, idTimeMax);
  }

  /**
   * Checks that `id_time_max` covers all ids. An id that was too far ahead when `id_time_max` was raised may be
   * acceptable by now, after a long wait for locks. @throws an Error that causes the transaction to be repeated
   */
  #mustCover(ids: readonly string[], { idTimeMax }: Pick<LedgerTime, 'idTimeMax'>): void {
    for (const id of ids) {
      const time = uuidV7Time(id) ?? 0;
      if (time > this.#idTimeMax && time <= idTimeMax)
        throw new DirectError('unable', `${id} was too far ahead when the largest id time was raised`);
    }
  }
}

const NONE: ReadonlySet<string> = new Set();
const unique = (ids: readonly string[]): string[] => [...new Set(ids)];
const byGroupId = (a: GroupOutcome, b: GroupOutcome): number => (a.group.groupId < b.group.groupId ? -1 : 1);
const byTransactionId = (a: Outcome, b: Outcome): number => (a.order.transactionId < b.order.transactionId ? -1 : 1);

/**
 * Notes what this transaction does, for the log. Its accounts are already locked.
 * @returns the salts of the personal data
 */
export async function note(session: Session, format: Format, committed: Committed): Promise<Salts> {
  if (!isLogged(format)) return NO_SALTS;
  const { pages, salts } = sealingOf(committed);
  await noteUnsealed(session, committed.epoch, pages.flatMap(linesIn));
  return salts;
}

/** Share-locks the authority row. @throws DirectError `moved` if MySQL does not have the authority of this epoch */
export async function requireAuthority(session: Session, epoch: number): Promise<DirectState> {
  const [row] = await session.rows<Pick<AuthorityColumns, 'epoch' | 'mode' | 'cache_epoch' | 'stops'>>(
    (own) => `SELECT epoch, \`mode\`, cache_epoch, stops FROM authority WHERE ${own()} LOCK IN SHARE MODE`,
  );
  const { mode, format } = row ? modeOf(row.mode) : NOWHERE;
  if (!row || row.epoch !== epoch || mode !== 'DIRECT') {
    throw new DirectError('moved', `the authority is at ${row?.mode} ${row?.epoch}, not at DIRECT ${epoch}`);
  }
  return { unsettled: row.cache_epoch !== null, stopped: isStopped(row.stops), format };
}

const NOWHERE = { mode: null, format: 1 } as const;

const NOW_MS = 'CAST(UNIX_TIMESTAMP(SYSDATE(3)) * 1000 AS SIGNED)';

interface LockedColumns extends AccountColumns {
  last_accepted_ms: number | null;
  now_ms: number;
}

/**
 * Locks accounts in order of their ids. Accounts that do not exist are absent from the result and not locked. The time
 * is that of the last lock: SYSDATE is the time at which a row is read, while NOW is the start of the statement,
 * before it waited.
 */
async function lockAccounts(session: Session, accountIds: readonly string[]) {
  const rows = await rowsByIds<LockedColumns>(
    session,
    // Uses the primary key, whatever the statistics suggest: a scan would lock unrelated rows, and
    // wait for them.
    `SELECT ${ACCOUNT_COLUMNS}, a.last_accepted_ms, ${NOW_MS} AS now_ms
     FROM accounts a FORCE INDEX (PRIMARY) WHERE a.account_id IN (?)
     ORDER BY a.account_id FOR UPDATE`,
    [...accountIds].sort(),
  );
  const latest = new Map(rows.map((row) => [row.account_id, row.last_accepted_ms ?? 0]));
  // If no account exists, no row contains the time, and every UUIDv7 would seem to come from the future.
  const nowMs = rows.length > 0 ? Math.max(...rows.map((row) => row.now_ms)) : await storeTime(session);
  return {
    accounts: new Map(rows.map((row) => [row.account_id, accountOfRow(row)])),
    time: new LedgerTime(nowMs, latest),
  };
}

type Locked = Awaited<ReturnType<typeof lockAccounts>>;

/** The business days to which a decision on these accounts may belong; null if no account has limits. */
async function calendarFor(session: Session, { accounts, time }: Locked): Promise<BusinessCalendar | null> {
  if (![...accounts.values()].some(({ limits }) => limits)) return null;
  return calendarBetween(session, time.of([]), time.of([...accounts.keys()]));
}

export async function storeTime(session: Session): Promise<number> {
  const [row] = await session.rows<{ now_ms: number }>(`SELECT ${NOW_MS} AS now_ms`);
  if (!row) throw new Error('MySQL returned no time');
  return row.now_ms;
}

export async function existingOutcomes(session: Session, ids: readonly string[]): Promise<Map<string, Outcome>> {
  const rows = await rowsByIds<TransferRow>(
    session,
    `SELECT ${TRANSFER_COLUMNS} FROM transfers WHERE transaction_id IN (?)`,
    ids,
  );
  return new Map(rows.map((row) => [row.transaction_id, outcomeOfRow(row)]));
}

async function changeExists(session: Session, changeId: string): Promise<boolean> {
  return (await session.rows('SELECT 1 FROM account_changes WHERE change_id = ?', [changeId])).length > 0;
}
