import type { GivenUp } from '../checker/given-up.ts';
import { Mysql } from '../harness/mysql.ts';
import type { MysqlAddress } from '../harness/system.ts';
import { now } from '../harness/time.ts';

/** The accounts that wait for a journal, and their holds, as MySQL has them. */
export type Frozen = Required<Pick<GivenUp, 'accounts' | 'holds'>>;

/** Reads them. Nothing changes them until the loss is accepted or the journal is read. */
export async function readFrozen(address: MysqlAddress): Promise<Frozen> {
  using mysql = await Mysql.open(address);
  const accounts = await mysql.rows(
    `SELECT a.account_id, a.version, a.settings_version FROM accounts a
     JOIN (SELECT DISTINCT account_id FROM frozen_accounts) f ON f.account_id = a.account_id`,
  );
  const holds = await mysql.rows(
    'SELECT hold_id, revision FROM holds WHERE account_id IN (SELECT account_id FROM frozen_accounts)',
  );
  return {
    accounts: new Map(
      accounts.map((row) => [
        String(row['account_id']),
        { version: Number(row['version']), settingsVersion: Number(row['settings_version']) },
      ]),
    ),
    holds: new Map(holds.map((row) => [String(row['hold_id']), Number(row['revision'])])),
  };
}

/**
 * Reads what an operator has accepted as lost, as recorded by the service itself. @param frozen as read before the
 * acceptance
 */
export async function readGivenUp(address: MysqlAddress, frozen: Frozen): Promise<GivenUp> {
  using mysql = await Mysql.open(address);
  const rows = await mysql.rows("SELECT entry_id, dropped_at FROM dropped_entries WHERE kind = 'transfers'");
  const ahead = Date.now() - now();
  const at = Math.max(...rows.map((row) => (row['dropped_at'] as Date).getTime() - ahead));
  return { transactionIds: new Set(rows.map((row) => String(row['entry_id']))), at, ...frozen };
}
