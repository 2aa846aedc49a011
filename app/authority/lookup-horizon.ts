import { ID_AHEAD_MS_MAX } from '../ids.ts';
import type { CacheKeeper, KeeperCaller } from '../ledger/cache/port.ts';
import type { Logger } from '../log.ts';
import type { KeeperAuthority } from './ports.ts';

const NO_ENTRIES_AFTER = Number.MAX_SAFE_INTEGER - 1;

interface LookupHorizonDependencies {
  cache: Pick<CacheKeeper, 'journal' | 'lowerHorizon'>;
  authority: Pick<KeeperAuthority, 'idsBetween'>;
  logger: Logger;
}

/**
 * Ids up to M are looked up in MySQL. An epoch begins with the largest UUIDv7 time of any id there; one id of the far future, as
 * a release took it that believed the clocks of pods, would have every id of everybody looked up until that time has come, and
 * again after every restart. So M comes down to what the ledger's clock allows, and Redis is told the few ids beyond.
 *
 * Where they are not few, or this fails, M stays: that is slow, and safe.
 */
export async function lowerLookupHorizon(deps: LookupHorizonDependencies, caller: KeeperCaller): Promise<void> {
  const { cache, authority, logger } = deps;
  try {
    const { head } = await cache.journal(caller, NO_ENTRIES_AFTER, 1);
    const m = head.time + ID_AHEAD_MS_MAX;
    if (head.m <= m) return;
    const ids = await authority.idsBetween(m, head.m);
    const fields = { epoch: caller.epoch, aheadMs: head.m - head.time };
    if (ids === null) {
      logger.warn(fields, 'MySQL has many ids from the future: every id is looked up there until that time');
      return;
    }
    await cache.lowerHorizon(caller, m, ids);
    logger.info({ ...fields, ids: ids.length }, 'ids from the future no longer force a look-up of every id');
  } catch (error) {
    logger.warn(
      { err: error },
      'the look-up horizon could not be lowered: ids from the future force a look-up of every id',
    );
  }
}
