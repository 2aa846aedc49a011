import { randomBytes } from 'node:crypto';
import type { Authority, CacheServerIdentity } from '../../domain/authority.ts';
import type { CacheKeeper, FenceCaller, KeeperCaller } from '../../journal/cache-port.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Logger } from '../../kernel/log.ts';
import type { KeeperAuthority } from '../authority-ports.ts';
import { provableNode, type ServerFacts } from '../server-facts.ts';
import { lowerLookupHorizon } from './lookup-horizon.ts';

/** After an activation, ids older than this, ms, are always looked up in MySQL: Redis keeps no older bucket of ids. */
const HORIZON_BEHIND_MS = 60_000;

interface EpochActivationDependencies {
  authority: Pick<KeeperAuthority, 'idsBetween' | 'calendar'>;
  cache: CacheKeeper;
  /** Deletes from Redis what is left of earlier epochs. */
  sweepEpochsBefore(epoch: number, caller: FenceCaller): Promise<void>;
  clock: Clock;
  logger: Logger;
}

/**
 * Begins the next epoch on this Redis. The script activates an epoch only once: if a keeper died between the script and
 * the update of MySQL's row, its successor continues with the marker that the script stored.
 * @param idTimeMax the largest UUIDv7 time of any id that MySQL may have, ms
 * @throws CacheError when Redis refuses, and any other error when it does not answer
 */
export async function activateEpoch(
  deps: EpochActivationDependencies,
  authority: Authority,
  facts: ServerFacts,
  idTimeMax: number,
): Promise<CacheServerIdentity> {
  const { cache, clock } = deps;
  const { format } = authority;
  const epoch = authority.epoch + 1;
  const { replid } = facts;
  const horizon = Math.max(idTimeMax, clock.now() - HORIZON_BEHIND_MS);
  // Raise the fence first: no late command may recreate keys that are being swept. Everything older has been recovered,
  // and a Redis with full memory could not begin another epoch without deleting the keys of older ones.
  await cache.fence(authority.epoch, replid);
  await deps.sweepEpochsBefore(epoch, { fenceEpoch: authority.epoch, replid });
  const marker = await cache.activate({ epoch, format }, replid, randomBytes(16).toString('hex'), horizon);
  await lowerLookupHorizon(deps, { fenceEpoch: epoch, epoch, format, replid });
  await setCalendar(deps, { fenceEpoch: epoch, epoch, format, replid });
  return { cacheEpoch: epoch, redisNode: provableNode(facts), replid, marker };
}

/**
 * Sets the calendar before the first transfer. If this fails, transfers of accounts with limits are refused until it is
 * set.
 */
async function setCalendar(
  { authority, cache, logger }: EpochActivationDependencies,
  caller: KeeperCaller,
): Promise<void> {
  try {
    await cache.setCalendar(caller, await authority.calendar());
  } catch (error) {
    logger.warn(
      { err: error },
      'the business calendar could not be set: transfers of accounts with limits are refused',
    );
  }
}
