import { Problem } from '../domain/problem.ts';
import { isStopped, type StopChange, type StopReport } from '../domain/stop.ts';
import type { PodShard } from './pod-shard.ts';

/** Maximum time before the request is answered, ms. The other pods keep trying, each time they read the authority. */
const ANSWERED_WITHIN_MS = 2_000;
const RETRY_MS = 50;
const CHANGES_LISTED_MAX = 100;

interface ShardState {
  stopped: boolean;
  enforced: boolean;
}
type By = Pick<StopChange, 'user' | 'reason' | 'correlationId'>;

/**
 * Stops or releases all shards: first in MySQL, which direct mode obeys from the commit on, then in Redis. If a shard
 * fails, the others are stopped nevertheless; repeating the request completes it.
 * @throws Problem database_unavailable if no shard could be changed
 */
export async function setStopped(shards: readonly PodShard[], wanted: boolean, by: By): Promise<StopReport> {
  const states = await ofEach(shards, async (shard) => {
    const { context } = shard;
    const stops = await context.stops.set(wanted, by);
    context.logger.log.warn(
      { user: by.user, reason: by.reason, stops },
      wanted ? 'an operator has stopped the ledger' : 'an operator has released the ledger',
    );
    return { stopped: isStopped(stops), enforced: await enforced(shard, ANSWERED_WITHIN_MS) };
  });
  return report(shards, states);
}

/** @throws Problem database_unavailable if no shard could be read */
export async function stopReport(shards: readonly PodShard[]): Promise<StopReport> {
  const states = await ofEach(shards, async (shard) => {
    const { stops } = await shard.context.opsReads.authority.read();
    return { stopped: isStopped(stops), enforced: await enforced(shard, 0) };
  });
  return report(shards, states);
}

/**
 * Whether every store that may change balances obeys the stops in MySQL. Without Redis as the authority, that is MySQL
 * alone: a pod copies them to the Redis of a new epoch when it registers there, before its first call.
 */
async function enforced({ context, session }: PodShard, withinMs: number): Promise<boolean> {
  const { clock, opsReads } = context;
  const deadline = clock.monotonic() + withinMs;
  for (;;) {
    const now = await opsReads.authority.read();
    if (now.mode !== 'CACHE' || (await session.bringStops(now))) return true;
    if (clock.monotonic() >= deadline) return false;
    await clock.sleep(RETRY_MS);
  }
}

/** A failing shard must not keep the others from being stopped: its Problem takes the place of its state. */
async function ofEach(
  shards: readonly PodShard[],
  ask: (shard: PodShard) => Promise<ShardState>,
): Promise<(ShardState | Problem)[]> {
  return Promise.all(
    shards.map((shard) =>
      ask(shard).catch((error: unknown) => {
        if (error instanceof Problem) return error;
        throw error;
      }),
    ),
  );
}

async function report(shards: readonly PodShard[], states: readonly (ShardState | Problem)[]): Promise<StopReport> {
  const problem = states.find((state) => state instanceof Problem);
  if (problem && states.every((state) => state instanceof Problem)) throw problem;
  const known = states.filter((state): state is ShardState => !(state instanceof Problem));
  const listed = await Promise.all(shards.map(changesAndProcesses));
  return {
    stopped: known.length === states.length && known.every((state) => state.stopped),
    enforced: known.length === states.length && known.every((state) => state.enforced),
    changes: listed[0]?.changes ?? [],
    olderProcesses: [...new Set(listed.flatMap(({ older }) => older))],
    ...(shards.length > 1 && {
      shards: states.map((state, shard) =>
        state instanceof Problem
          ? { shard, problem: { code: state.code, detail: state.message } }
          : { shard, ...state },
      ),
    }),
  };
}

async function changesAndProcesses({ context }: PodShard) {
  const { stops, formats } = context.opsReads;
  const [changes, older] = await Promise.all([
    stops.latest(CHANGES_LISTED_MAX).catch(() => []),
    formats.olderProcesses().catch(() => []),
  ]);
  return {
    changes: changes.map(({ number, at, user, reason, correlationId }) => ({
      number,
      stopped: isStopped(number),
      at: new Date(at).toISOString(),
      by: user,
      reason,
      correlationId,
    })),
    older: older.map(({ processId }) => processId),
  };
}
