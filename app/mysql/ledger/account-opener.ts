import { LIMITS, type Limits } from '../../domain/limits.ts';
import { Problem } from '../../domain/problem.ts';
import { isStopped, ledgerStopped } from '../../domain/stop.ts';
import type { NewAccount } from '../../domain/types.ts';
import { digestOf, personalOfAccount, SaltSource } from '../../journal/sealed/personal.ts';
import type { SealedOpening } from '../../journal/sealed/sealed-entry.ts';
import { isLogged } from '../../journal/sealed/sealing.ts';
import type { Clock } from '../../kernel/clock.ts';
import { retried } from '../../kernel/retry.ts';
import type { AccountDetails, AccountOpening } from '../../ledger/ports/ledger.ts';
import { isRolledBack } from '../connection/mysql-errors.ts';
import type { Database, Session } from '../connection/pool.ts';
import { type AuthorityColumns, modeOf } from '../rows/authority-row.ts';
import { noteEntries } from '../rows/unsealed-rows.ts';
import { rowsByIds } from '../rows/unsettled-rows.ts';

const RETRIES_MAX = 5;
const RETRY_BASE_MS = 20;

interface OpeningColumns {
  account_id: string;
  currency: string;
  opening_overdraft_limit: number;
  name: string | null;
  external: number;
  opened_at: Date;
  /** JSON */
  opening_limits: string | null;
}
const OPENING_COLUMNS = 'account_id, currency, opening_overdraft_limit, `name`, `external`, opened_at, opening_limits';

/** Thrown if another request has inserted one of the accounts since this transaction looked for them. */
class OpenedMeanwhile extends Error {
  override readonly name = 'OpenedMeanwhile';
}

/**
 * Opens all accounts of a request in one transaction. If several requests open the same account at the same time,
 * exactly one of them reports that it created the account: the count of inserted rows shows whether another request was faster;
 * if so, the transaction is rolled back and repeated. Each repetition finds at least one more account, so there are at most as
 * many repetitions as accounts.
 *
 * A commit without a reply is repeated. If the first commit did take effect, the accounts are found with the same
 * content. They exist, but it is no longer known which request created them, so none reports having done so.
 */
export class AccountOpener {
  readonly #database: Database;
  readonly #clock: Clock;

  constructor(deps: { database: Database; clock: Clock }) {
    this.#database = deps.database;
    this.#clock = deps.clock;
  }

  /**
   * One answer per account, in order; `account_id_reused` for each that was opened with different content.
   * @throws Problem database_unavailable if nothing was opened; outcome_unknown if a commit got no reply
   */
  async open(accounts: readonly NewAccount[], openedBy: string): Promise<(AccountOpening | Problem)[]> {
    // If a request repeats an id, the first account with it is opened and the others are compared
    // with that one.
    const first = new Map<string, NewAccount>();
    for (const account of accounts) if (!first.has(account.accountId)) first.set(account.accountId, account);
    const { created, stored } = await this.#insertMissing(first, openedBy);
    const claimed = new Set<string>();
    return accounts.map((account) => {
      const row = stored.get(account.accountId);
      if (!row) throw new Error(`account ${account.accountId} was neither found nor opened`);
      if (!sameOpening(account, row)) {
        return new Problem('account_id_reused', `account ${account.accountId} was opened with different content`);
      }
      const isCreation = created.has(account.accountId) && !claimed.has(account.accountId);
      claimed.add(account.accountId);
      return { account: detailsOf(row), created: isCreation };
    });
  }

  async #insertMissing(wanted: ReadonlyMap<string, NewAccount>, openedBy: string): Promise<Inserted> {
    let inDoubt = false;
    const attempt = async (): Promise<Inserted> => {
      let commitSent = false;
      try {
        return await this.#database.transaction(async (session) => {
          const inserted = await insertMissing(session, wanted, openedBy);
          // The next statement is COMMIT: a failure from here on leaves it unknown whether the accounts were opened.
          commitSent = inserted.created.size > 0;
          return inserted;
        });
      } catch (error) {
        inDoubt ||= commitSent;
        throw error;
      }
    };
    const plan = {
      clock: this.#clock,
      retriesMax: RETRIES_MAX,
      baseMs: RETRY_BASE_MS,
      when: (error: unknown) => inDoubt || isRolledBack(error),
    };
    try {
      return await retried(plan, () => untilNobodyWasFaster(attempt));
    } catch (error) {
      if (!inDoubt) throw error;
      const detail = 'MySQL did not confirm whether the accounts were opened; send the same request again';
      throw new Problem('outcome_unknown', detail, {}, { cause: error });
    }
  }

  async details(accountId: string): Promise<AccountDetails> {
    const [row] = await this.#database.rows<OpeningColumns>(
      `SELECT ${OPENING_COLUMNS} FROM accounts WHERE account_id = ?`,
      [accountId],
    );
    if (!row) throw new Problem('account_not_found', `account ${accountId} does not exist`);
    return detailsOf(row);
  }
}

interface Inserted {
  created: ReadonlySet<string>;
  stored: ReadonlyMap<string, OpeningColumns>;
}

async function untilNobodyWasFaster<T>(attempt: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof OpenedMeanwhile)) throw error;
    }
  }
}

/** @throws OpenedMeanwhile */
async function insertMissing(
  session: Session,
  wanted: ReadonlyMap<string, NewAccount>,
  openedBy: string,
): Promise<Inserted> {
  const existing = await storedAmong(session, wanted);
  // Inserts in primary-key order, so that two requests with the same accounts wait for each other
  // instead of deadlocking.
  const missing = [...wanted.values()]
    .filter(({ accountId }) => !existing.has(accountId))
    .sort((a, b) => (a.accountId < b.accountId ? -1 : 1));
  if (missing.length === 0) return { created: new Set(), stored: existing };
  const { epoch, isInLog, nowMs: openedAt } = await ledgerState(session);
  const salts = isInLog ? new SaltSource(missing.length) : null;
  const opened = missing.map((account) => ({ ...account, salt: salts?.next() ?? null }));
  // An account that exists by now is locked, left unchanged, and not counted. A plain insert would fail and leave a
  // shared lock on the account, which makes requests deadlock.
  const inserted = await session.run(
    `INSERT INTO accounts (account_id, currency, \`external\`, \`name\`, overdraft_limit, opening_overdraft_limit, opened_by,
       transfer_max, daily_debit_max, monthly_debit_max, daily_credit_max, balance_max, opening_limits, counted_since_ms, salt)
     VALUES ? ON DUPLICATE KEY UPDATE account_id = accounts.account_id`,
    [
      opened.map((a) => [
        ...[a.accountId, a.currency, a.external, a.name, a.overdraftLimit, a.overdraftLimit, openedBy],
        ...LIMITS.map((name) => a.limits?.[name] ?? null),
        ...[openingLimits(a), a.limits ? openedAt : 0, a.salt === null ? null : Buffer.from(a.salt, 'hex')],
      ]),
    ],
  );
  if (inserted !== missing.length) throw new OpenedMeanwhile('another request opened one of the accounts');
  const stored = await storedAmong(session, wanted);
  await noteEntries(session, epoch, opened.flatMap(openingEntry(stored, openedBy)));
  return { created: new Set(missing.map(({ accountId }) => accountId)), stored };
}

/**
 * Opening an account needs no authority, so the authority row is not locked; an opening whose transaction began before
 * an operator stopped the ledger may still commit. If the log begins while an account is being opened, the opening
 * itself is not recorded: the state of the account is added to the log later, like those of all older accounts.
 */
async function ledgerState(session: Session): Promise<{ epoch: number; isInLog: boolean; nowMs: number }> {
  const [row] = await session.rows<Pick<AuthorityColumns, 'epoch' | 'mode' | 'stops' | 'now_ms'>>(
    (own) =>
      `SELECT epoch, \`mode\`, stops, CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED) AS now_ms FROM authority WHERE ${own()}`,
  );
  if (!row) throw new Error('authority has no row: the schema is not migrated');
  if (isStopped(row.stops)) throw ledgerStopped();
  return { epoch: row.epoch, isInLog: isLogged(modeOf(row.mode).format), nowMs: row.now_ms };
}

const openingEntry =
  (stored: ReadonlyMap<string, OpeningColumns>, openedBy: string) =>
  ({ salt, ...account }: NewAccount & { salt: string | null }): SealedOpening[] => {
    const { accountId, currency, external, overdraftLimit, limits, name } = account;
    const openedAt = stored.get(accountId)?.opened_at.getTime();
    if (salt === null || openedAt === undefined) return [];
    const digest = digestOf(salt, personalOfAccount({ name, openedBy }));
    return [{ kind: 'account-opened', accountId, currency, external, overdraftLimit, limits, openedAt, digest }];
  };

async function storedAmong(
  session: Session,
  wanted: ReadonlyMap<string, NewAccount>,
): Promise<Map<string, OpeningColumns>> {
  const sql = `SELECT ${OPENING_COLUMNS} FROM accounts WHERE account_id IN (?)`;
  const rows = await rowsByIds<OpeningColumns>(session, sql, [...wanted.keys()]);
  return new Map(rows.map((row) => [row.account_id, row]));
}

/** The limits are always in the same order, so that equal limits have equal texts. */
const openingLimits = ({ limits }: NewAccount): string | null =>
  limits && JSON.stringify(Object.fromEntries(LIMITS.map((name) => [name, limits[name]])));

function sameOpening(account: NewAccount, row: OpeningColumns): boolean {
  return (
    account.currency === row.currency &&
    account.overdraftLimit === row.opening_overdraft_limit &&
    account.name === row.name &&
    account.external === (row.external === 1) &&
    openingLimits(account) === row.opening_limits
  );
}

function detailsOf(row: OpeningColumns): AccountDetails {
  return {
    accountId: row.account_id,
    currency: row.currency,
    overdraftLimit: row.opening_overdraft_limit,
    name: row.name,
    external: row.external === 1,
    openedAt: row.opened_at.getTime(),
    limits: row.opening_limits === null ? null : (JSON.parse(row.opening_limits) as Limits),
  };
}
