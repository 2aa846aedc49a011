import { Problem } from '../domain/problem.ts';
import type { Ownership } from '../journal/cache-port.ts';
import { identifyServer } from '../redis/connection.ts';
import type { ShardContext } from './shard-context.ts';

const LISTED_MAX = 1000;

/**
 * Lists the accounts and ids that wait for the journal of an ended epoch, and the pods that a recovery waits for. @throws
 * Problem database_unavailable
 */
export async function unsettled({
  authority,
  unsettled,
}: Pick<ShardContext, 'authority' | 'unsettled'>): Promise<object> {
  const { mode, epoch, cacheEpoch, redisNode, ageMs } = await authority.read();
  return { mode, epoch, cacheEpoch, redisNode, sinceMs: Math.round(ageMs), ...(await unsettled.report(LISTED_MAX)) };
}

/** Maximum time before the request is answered, ms; a keeper then applies the rest. */
const ANSWERED_WITHIN_MS = 5_000;

/** `done`: false while a keeper is still applying the decision. `dropped`: the number of entries dropped so far. */
export interface LossAcceptance {
  epoch: number;
  mode: string;
  dropped: number;
  done: boolean;
}

/**
 * Opens the ledger without the missing data: the last resort of an operator whose Redis is permanently lost. The
 * epoch is the one that the operator has inspected; if the authority has moved in the meantime, nothing is dropped.
 * The decision is stored immediately; repeating the request continues it.
 * @throws Problem authority_moved, database_unavailable
 */
export async function acceptLoss(
  deps: Pick<ShardContext, 'authority' | 'recoveryStore' | 'unsettled' | 'clock' | 'logger'>,
  { epoch, reason }: { epoch: number; reason: string },
  user: string,
): Promise<LossAcceptance> {
  const { authority, recoveryStore, unsettled, clock, logger } = deps;
  const now = await authority.read();
  const waits = now.cacheEpoch !== null && (now.mode === 'CLOSING' || now.mode === 'DIRECT');
  if (!waits || now.epoch !== epoch) {
    throw new Problem('authority_moved', `the authority is ${now.mode} in epoch ${now.epoch}: check its state again`);
  }
  const by = { keeper: user, reason };
  let step = await recoveryStore.acceptLoss(now, by);
  if (!step) throw new Problem('authority_moved', 'the authority has moved in the meantime: check its state again');
  logger.log.warn({ user, reason, epoch, cacheEpoch: now.cacheEpoch }, 'a loss was accepted');
  const until = clock.monotonic() + ANSWERED_WITHIN_MS;
  while (step && 'working' in step && clock.monotonic() < until) step = await recoveryStore.acceptLoss(now, by);
  if (step && 'working' in step) return { epoch, mode: now.mode, dropped: step.working.held, done: false };
  // Null if a keeper that is also applying the decision was faster.
  const after = step?.authority ?? (await authority.read());
  const dropped = step?.dropped ?? (await unsettled.droppedUnder(epoch));
  logger.log.warn({ user, epoch: after.epoch, cacheEpoch: now.cacheEpoch, dropped }, 'lost entries were dropped');
  return { epoch: after.epoch, mode: after.mode, dropped, done: true };
}

/** The owner of this process's Redis; null while Redis does not respond. */
export async function redisOwnership({
  redis,
  scripts,
}: Pick<ShardContext, 'redis' | 'scripts'>): Promise<Ownership | null> {
  try {
    return await scripts.ownership((await identifyServer(redis)).replid);
  } catch {
    return null;
  }
}

/**
 * Takes over a Redis that belongs to another ledger, or to an unknown one. The current owner must be the one that
 * the operator has seen. The former owner's keys are fenced off and deleted when the next epoch begins.
 * @throws Problem authority_moved, ledger_switching, database_unavailable
 */
export async function takeRedisOver(
  context: Pick<ShardContext, 'authority' | 'redis' | 'scripts' | 'logger'>,
  { owner, reason }: { owner: string | null; reason: string },
  user: string,
): Promise<{ epoch: number; mode: string }> {
  const { authority, redis, scripts, logger } = context;
  const now = await authority.read();
  const seen = await redisOwnership(context);
  if (!seen) throw new Problem('ledger_switching', 'Redis does not respond');
  if (seen.owner !== owner || (seen.state !== 'foreign' && seen.state !== 'unclaimed')) {
    throw new Problem(
      'authority_moved',
      `this Redis is ${seen.state}, with owner ${seen.owner}: check GET /v1/ops/status again`,
    );
  }
  const by = { keeper: user, reason: `Redis of ${owner ?? 'an unknown ledger'} taken over: ${reason}` };
  const after = await authority.goBeyond(now, seen.fence ?? 0, by);
  if (!after)
    throw new Problem(
      'authority_moved',
      'a Redis can be taken over only in DIRECT, and only if nothing is waiting for a journal',
    );
  const { replid } = await identifyServer(redis);
  const taken = await scripts.takeOver(replid, seen).catch((error: unknown) => {
    throw new Problem('ledger_switching', 'Redis does not respond', {}, { cause: error });
  });
  if (!taken)
    throw new Problem('authority_moved', 'this Redis has changed in the meantime: check GET /v1/ops/status again');
  logger.log.warn({ user, reason, owner, epoch: after.epoch }, 'the Redis of another ledger was taken over');
  return { epoch: after.epoch, mode: after.mode };
}
