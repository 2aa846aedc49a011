import { type Authority, FORMAT_MAX } from '../domain/authority.ts';
import { Problem } from '../domain/problem.ts';
import { redisOwnership } from './operator.ts';
import type { ShardContext } from './shard-context.ts';

/** Maximum time before the request is answered, ms; keepers then complete the move. */
const ANSWERED_WITHIN_MS = 5_000;
const LOOK_EVERY_MS = 100;
/** A keeper that has been silent for longer than this, ms, will not recover an epoch soon. */
const KEEPER_SILENT_MS_MAX = 60_000;

const WARNING =
  'This cannot be undone: a release that supports only format 1 can then neither change nor serve this ledger. The only way to return to format 1 is to restore a backup from before the move.';

/** `done`: the ledger is in format `to` and open; false while its last epoch in the older format is being recovered. */
export interface FormatMove {
  warning: string;
  from: number;
  to: number;
  epoch: number;
  mode: string;
  dryRun: boolean;
  /** Why the ledger cannot move now; empty if it can, or has moved already. */
  obstacles: string[];
  done: boolean;
}

type OlderProcess = Awaited<ReturnType<ShardContext['formats']['olderProcesses']>>[number];
type FormatContext = Pick<ShardContext, 'authority' | 'formats' | 'redis' | 'scripts' | 'clock' | 'logger'>;

/**
 * Moves the ledger to the format of this release. The epoch is the one that the operator has seen. With `dryRun`, the
 * function only reports what would happen. Repeating the request after the move changes nothing.
 * @throws Problem authority_moved if the ledger cannot move now; database_unavailable
 */
export async function moveFormat(
  context: FormatContext,
  { epoch, reason, dryRun }: { epoch: number; reason: string; dryRun: boolean },
  user: string,
): Promise<FormatMove> {
  const { authority, formats, logger } = context;
  const now = await authority.read();
  if (now.format === FORMAT_MAX) return answer(now, now, dryRun, []);
  const obstacles = await obstaclesTo(context, now, epoch);
  if (dryRun) return answer(now, now, dryRun, obstacles);
  if (obstacles.length > 0) throw new Problem('authority_moved', `nothing was changed: ${obstacles.join('; ')}`);
  const by = { keeper: user, reason: `to rule format ${FORMAT_MAX}: ${reason}` };
  const moved = await formats.raise(now, by);
  if (!moved) {
    throw new Problem(
      'authority_moved',
      'nothing was changed: in the meantime, the authority has moved, or a process of an older release has been heard from; check GET /v1/ops/status again',
    );
  }
  logger.log.warn(
    { user, reason, epoch: moved.epoch, format: moved.format },
    'the ledger moves to another rule format',
  );
  return answer(now, await untilOpen(context, moved), dryRun, []);
}

async function obstaclesTo(context: FormatContext, now: Authority, seenEpoch: number): Promise<string[]> {
  const { authority, formats } = context;
  const obstacles: string[] = [];
  if (now.epoch !== seenEpoch)
    obstacles.push(`the authority is in epoch ${now.epoch}, not ${seenEpoch}: check GET /v1/ops/status again`);
  if (now.mode === 'CLOSING' || now.mode === 'REBUILDING')
    obstacles.push(`the authority is moving (${now.mode}): wait until it is in CACHE or DIRECT`);
  if (now.mode === 'DIRECT' && now.cacheEpoch !== null)
    obstacles.push(`accounts wait for the journal of epoch ${now.cacheEpoch}: see GET /v1/ops/unsettled`);
  obstacles.push(...(await formats.olderProcesses()).map(olderProcess));
  if (now.mode !== 'CACHE') return obstacles;
  const keepers = (await authority.keepers()).filter(({ silentMs }) => silentMs < KEEPER_SILENT_MS_MAX);
  if (keepers.length === 0) obstacles.push('no keeper is running, which would leave the ledger closed');
  if (!(await redisOwnership(context))) obstacles.push('Redis does not respond, and its journal has to be recovered');
  return obstacles;
}

const olderProcess = ({ processId, role, silentMs }: OlderProcess): string =>
  `${role} ${processId} of an older release was last heard from ${Math.round(silentMs / 1000)} s ago: stop it, or wait until it has been silent for a minute`;

/** Waits for the keepers, but no longer than a client is likely to wait. */
async function untilOpen({ authority, clock }: FormatContext, moved: Authority): Promise<Authority> {
  let now = moved;
  const until = clock.monotonic() + ANSWERED_WITHIN_MS;
  while (!isOpen(now) && clock.monotonic() < until) {
    await clock.sleep(LOOK_EVERY_MS);
    // The move is complete. If this read fails, the progress of its recovery remains unknown.
    now = await authority.read().catch(() => now);
  }
  return now;
}

const isOpen = ({ mode }: Authority): boolean => mode === 'CACHE' || mode === 'DIRECT';

const answer = (before: Authority, now: Authority, dryRun: boolean, obstacles: string[]): FormatMove => ({
  warning: WARNING,
  from: before.format,
  to: FORMAT_MAX,
  epoch: now.epoch,
  mode: now.mode,
  dryRun,
  obstacles,
  done: now.format === FORMAT_MAX && isOpen(now),
});
