import { ID_AHEAD_MS_MAX } from '../../domain/ids.ts';
import type { CacheKeeper, KeeperCaller } from '../../journal/cache-port.ts';
import type { Logger } from '../../kernel/log.ts';
import type { KeeperAuthority } from '../authority-ports.ts';

const NO_ENTRIES_AFTER = Number.MAX_SAFE_INTEGER - 1;

interface LookupHorizonDependencies {
  cache: Pick<CacheKeeper, 'journal' | 'lowerHorizon'>;
  authority: Pick<KeeperAuthority, 'idsBetween'>;
  logger: Logger;
}

/**
 * Ids up to the lookup horizon are looked up in MySQL. An epoch begins with the largest UUIDv7 time of any id there as
 * its horizon. A single id from the far future (older releases trusted the clocks of pods) would force a lookup of
 * every id until that time, and again after every restart. This function therefore lowers the lookup horizon to what
 * the ledger's clock allows, and stores the few later ids in Redis.
 *
 * If there are too many ids from the future, or if an error occurs, the lookup horizon stays as it is, which is slow
 * but safe.
 */
export async function lowerLookupHorizon(deps: LookupHorizonDependencies, caller: KeeperCaller): Promise<void> {
  const { cache, authority, logger } = deps;
  try {
    const { head } = await cache.journal(caller, NO_ENTRIES_AFTER, 1);
    const lookupHorizon = head.time + ID_AHEAD_MS_MAX;
    if (head.lookupHorizon <= lookupHorizon) return;
    const ids = await authority.idsBetween(lookupHorizon, head.lookupHorizon);
    const fields = { epoch: caller.epoch, aheadMs: head.lookupHorizon - head.time };
    if (ids === null) {
      logger.warn(
        fields,
        'MySQL has many ids from the future: every id is looked up in MySQL until their time has passed',
      );
      return;
    }
    await cache.lowerHorizon(caller, lookupHorizon, ids);
    logger.info({ ...fields, ids: ids.length }, 'ids from the future no longer force a lookup of every id');
  } catch (error) {
    logger.warn(
      { err: error },
      'the lookup horizon could not be lowered: ids from the future force a lookup of every id',
    );
  }
}
