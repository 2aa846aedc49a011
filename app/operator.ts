import type { Context } from './context.ts';
import { Problem } from './errors.ts';

const LISTED_MAX = 1000;

/** What waits for the journal of an epoch that has ended, and for whom. @throws Problem database_unavailable */
export async function unsettled({ authority, unsettled }: Pick<Context, 'authority' | 'unsettled'>): Promise<object> {
  const { mode, epoch, cacheEpoch, redisNode, ageMs } = await authority.read();
  return { mode, epoch, cacheEpoch, redisNode, sinceMs: Math.round(ageMs), ...(await unsettled.report(LISTED_MAX)) };
}

/**
 * Opens the ledger without what is missing: the last resort of an operator whose Redis is gone for good. The epoch is the one
 * that the operator has looked at; should the authority have moved meanwhile, nothing is given up.
 * @throws Problem authority_moved, database_unavailable
 */
export async function acceptLoss(
  { authority, settlement, logger }: Pick<Context, 'authority' | 'settlement' | 'logger'>,
  { epoch, reason }: { epoch: number; reason: string },
  user: string,
): Promise<{ epoch: number; mode: string; dropped: number }> {
  const now = await authority.read();
  const waits = now.cacheEpoch !== null && (now.mode === 'CLOSING' || now.mode === 'DIRECT');
  if (!waits || now.epoch !== epoch) {
    throw new Problem('authority_moved', `the authority is ${now.mode} in epoch ${now.epoch}: look at it again`);
  }
  const accepted = await settlement.acceptLoss(now, { keeper: user, reason });
  if (!accepted) throw new Problem('authority_moved', 'the authority has moved meanwhile: look at it again');
  const { authority: after, dropped } = accepted;
  logger.log.warn({ user, reason, epoch: after.epoch, cacheEpoch: now.cacheEpoch, dropped }, 'a loss was accepted');
  return { epoch: after.epoch, mode: after.mode, dropped };
}
