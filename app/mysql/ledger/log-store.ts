import type { Format } from '../../domain/authority.ts';
import { encodeEntry } from '../../journal/sealed/entry-codec.ts';
import { pagesOf } from '../../journal/sealed/line-pages.ts';
import { digestOf, personalOfAccount, SaltSource } from '../../journal/sealed/personal.ts';
import type { SealedState } from '../../journal/sealed/sealed-entry.ts';
import { contentsOf } from '../../journal/sealed/sealed-rows.ts';
import { isLogged } from '../../journal/sealed/sealing.ts';
import type { LogState, LogStore } from '../../sync/log-sealer.ts';
import type { Database, Session } from '../connection/pool.ts';
import { binaryOrNull, statements, text } from '../connection/sql.ts';
import { ACCOUNT_COLUMNS, type AccountColumns, accountOfRow, limitsOf } from '../rows/account-row.ts';
import { type AuthorityColumns, modeOf } from '../rows/authority-row.ts';
import { rowsByIds } from '../rows/unsettled-rows.ts';
import { seal, sealWaiting } from './log-writer.ts';

/** How many accounts are examined in one transaction, and how many of them have their states sealed in it. */
const LOOKED_AT = 2_000;
const STATES_MAX = 500;
/** Once all accounts are in the log, they are examined again after this time. */
const LOOK_AGAIN_H = 24;

const WALK_IS_DUE = `(states_done_at IS NULL OR states_done_at < NOW(3) - INTERVAL ${LOOK_AGAIN_H} HOUR)`;

interface Walk {
  epoch: number;
  format: Format;
  statesAfter: string;
}

interface StateColumns extends AccountColumns {
  name: string | null;
  opened_by: string;
  opened_at: Date;
}

/** The operations with which a keeper completes the log. */
export class MysqlLogStore implements LogStore {
  readonly #database: Database;
  constructor(database: Database) {
    this.#database = database;
  }

  async state(): Promise<LogState> {
    const [row] = await this.#database.rows<{ position: number; age_us: number | null; is_walk_due: number }>(
      (own) => `SELECT \`position\`, ${WALK_IS_DUE} AS is_walk_due,
         (SELECT TIMESTAMPDIFF(MICROSECOND, noted_at, NOW(3)) FROM unsealed ORDER BY \`id\` LIMIT 1) AS age_us
       FROM sealed_head WHERE ${own()}`,
    );
    if (!row) throw new Error('sealed_head has no row: the schema is not migrated');
    return {
      position: row.position,
      oldestWaitingMs: row.age_us === null ? null : Math.max(0, row.age_us / 1000),
      mayLackStates: row.is_walk_due === 1,
    };
  }

  async sealNext(): Promise<boolean> {
    return this.#database.transaction(async (session) => (await sealWaiting(session)).isMore);
  }

  async addStates(): Promise<number> {
    const walk = await this.#walk();
    if (!walk || !isLogged(walk.format)) return 0;
    const accounts = await this.#database.rows<{ account_id: string; missing: number }>(
      `SELECT account_id, salt IS NULL AS missing FROM accounts WHERE account_id > ? ORDER BY account_id LIMIT ${LOOKED_AT}`,
      [walk.statesAfter],
    );
    const missing = accounts.filter((row) => row.missing === 1).slice(0, STATES_MAX);
    const isLast = accounts.length < LOOKED_AT && missing.length < STATES_MAX;
    const end = (missing.length === STATES_MAX ? missing : accounts).at(-1)?.account_id ?? '';
    return this.#database.transaction(async (session) => {
      const ids = missing.map(({ account_id }) => account_id);
      const added = ids.length === 0 ? 0 : await sealStates(session, walk.epoch, ids);
      await moveWalk(session, walk.statesAfter, isLast ? null : end);
      return added;
    });
  }

  /** Null if all accounts are in the log, as far as is known. */
  async #walk(): Promise<Walk | null> {
    const [row] = await this.#database.rows<Pick<AuthorityColumns, 'epoch' | 'mode'> & { states_after: string }>(
      (own) => `SELECT a.epoch, a.\`mode\`, h.states_after FROM sealed_head h JOIN authority a ON ${own('a')}
       WHERE ${own('h')} AND ${WALK_IS_DUE}`,
    );
    return row ? { epoch: row.epoch, format: modeOf(row.mode).format, statesAfter: row.states_after } : null;
  }
}

/**
 * Locks accounts, and seals their states: all committed entries about these accounts are already in the log, or are
 * sealed before the states. @returns the number of accounts
 */
async function sealStates(session: Session, epoch: number, accountIds: readonly string[]): Promise<number> {
  const rows = await rowsByIds<StateColumns>(
    session,
    // Another keeper may have been faster.
    `SELECT ${ACCOUNT_COLUMNS}, a.\`name\`, a.opened_by, a.opened_at FROM accounts a FORCE INDEX (PRIMARY)
     WHERE a.account_id IN (?) AND a.salt IS NULL ORDER BY a.account_id FOR UPDATE`,
    accountIds,
  );
  const salts = new SaltSource(rows.length);
  const salted = rows.map((row) => ({ row, salt: salts.next() }));
  const literals = salted.map(({ row, salt }) => `(${text(row.account_id)},'',${binaryOrNull(salt)})`);
  for (const values of statements(literals))
    await session.run(
      `INSERT INTO accounts (account_id, currency, salt) VALUES ${values.join(',')}
       ON DUPLICATE KEY UPDATE salt = VALUES(salt)`,
    );
  const lines = salted.map(({ row, salt }) => encodeEntry(stateOf(row, salt)));
  await seal(session, contentsOf(pagesOf(lines), { epoch, firstSeq: 0, lastSeq: 0 }));
  return rows.length;
}

function stateOf(row: StateColumns, salt: string): SealedState {
  const { limits, ...account } = accountOfRow(row);
  return {
    kind: 'account-state',
    ...account,
    limits: limits && limitsOf(row),
    openedAt: row.opened_at.getTime(),
    digest: digestOf(salt, personalOfAccount({ name: row.name, openedBy: row.opened_by })),
  };
}

/** @param to null if all accounts are in the log */
async function moveWalk(session: Session, from: string, to: string | null): Promise<void> {
  await session.run(
    (own) => `UPDATE sealed_head SET states_after = ?, states_done_at = ${to === null ? 'NOW(3)' : 'NULL'}
       WHERE ${own()} AND states_after = ?`,
    [to ?? '', from],
  );
}
