import { endEpochWithoutJournal } from '../authority/keeper/end-epoch.ts';
import { AuthorityStore } from '../mysql/authority/authority-store.ts';
import { RecoveryStore } from '../mysql/authority/recovery-store.ts';
import { Database, type PoolOptions } from '../mysql/connection/pool.ts';
import { LedgerIdentity } from '../mysql/operations/ledger-identity.ts';

const BY = { keeper: 'renew-identity', reason: 'a copy of the database became a separate ledger' };
/** A process that has reported within this time, ms, may still be running. */
const RECENT_MS = 60_000;

type MysqlSettings = Pick<PoolOptions, 'url' | 'queueMax' | 'connectTimeoutMs' | 'queryTimeoutMs' | 'lockWaitTimeoutS'>;

/**
 * Turns a copy of a database into a separate ledger. Transfers that the original had not flushed when the copy was made
 * belong to the original: the copy drops them, and continues in DIRECT until it has a Redis.
 * @throws Error while processes of the ledger may be running
 */
export async function renewIdentity(mysql: MysqlSettings, ledgerId: string): Promise<void> {
  await using database = new Database({ ...mysql, connectionsMax: 2 });
  const authority = new AuthorityStore(database);
  const live = [...(await authority.keepers()), ...(await authority.livePods())].filter(
    ({ silentMs }) => silentMs < RECENT_MS,
  );
  if (live.length > 0) {
    throw new Error(
      `${live.length} processes of this ledger were alive within the last minute: stop all of them first, and make sure that this database is the copy`,
    );
  }
  await endEpochWithoutJournal({ authority, recoveryStore: new RecoveryStore(database) }, BY);
  await new LedgerIdentity(database).write(ledgerId);
}
