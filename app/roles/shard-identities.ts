import { type Config, ConfigError } from '../config/config.ts';
import { configOfShard } from '../config/shard-config.ts';
import { type Clock, systemClock } from '../kernel/clock.ts';
import { OtherLedger } from '../mysql/connection/own-ledger.ts';
import { Database } from '../mysql/connection/pool.ts';
import { adoptIdentity, type LedgerIdentity, WrongShard } from '../mysql/operations/ledger-identity.ts';

/** A process starts without this check if MySQL does not answer in time; each connection is checked anyway. */
const WAIT_MS_MAX = 2_000;

/**
 * Refuses to start a process whose settings lead to the databases of another ledger, or of one with another number of
 * shards. @throws ConfigError
 */
export async function requireOwnLedger(
  shards: readonly { identity: Pick<LedgerIdentity, 'shard'> }[],
  clock: Clock = systemClock,
): Promise<void> {
  const checks = shards.map(({ identity }) =>
    identity.shard().then(
      () => null,
      (error: unknown) => error,
    ),
  );
  const found = await Promise.race([Promise.all(checks), clock.sleep(WAIT_MS_MAX)]);
  const other = found?.find((error) => error instanceof OtherLedger);
  if (other instanceof OtherLedger) throw new ConfigError([`SHARDS, MYSQL_URL: ${other.message}`]);
}

/**
 * Makes the databases the shards of one ledger, which has the id of the first one. They are migrated already.
 * @throws ConfigError if one of them was used for something else
 */
export async function adoptIdentities(config: Config): Promise<void> {
  const { shards } = config.ledger;
  let ledgerId: string | null = null;
  for (let shard = 0; shard < shards; shard++) {
    await using database = new Database({ ...configOfShard(config, shard).mysql, connectionsMax: 1 });
    try {
      ledgerId = await adoptIdentity(database, { ledgerId, shard, shards });
    } catch (error) {
      throw error instanceof WrongShard ? new ConfigError([`SHARDS, MYSQL_URL: ${error.message}`]) : error;
    }
  }
}
