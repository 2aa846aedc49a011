import type { Authority } from '../domain/authority.ts';
import { Problem } from '../domain/problem.ts';
import { isStopped, type StopChange, type StopReport } from '../domain/stop.ts';
import { retried } from '../kernel/retry.ts';
import { isRolledBack } from '../mysql/connection/mysql-errors.ts';
import type { PodShard } from './pod-shard.ts';

/** Maximum time until the request is answered, ms. Other pods keep trying after that, when they read the authority. */
const ANSWERED_WITHIN_MS = 2_000;
const RETRY_MS = 50;
const CHANGES_LISTED_MAX = 100;

interface ShardState {
  /** How many times the shard was stopped or released. */
  stops: number;
  enforced: boolean;
}
type By = Pick<StopChange, 'user' | 'reason' | 'correlationId'>;

/** The stop may time out while it waits for a transaction that holds the authority's row, so it is tried again. */
const TRIES = { retriesMax: 3, baseMs: 20, when: isRolledBack };

/**
 * Stops or releases all shards: first in MySQL, which direct mode obeys from the commit on, then in Redis. If a shard
 * fails, the others are stopped nevertheless; repeating the request completes it.
 * @param number if given, nothing is changed unless the stops and releases of all shards add up to this number, so that
 * a request that was delayed cannot undo a later one
 * @throws Problem database_unavailable or outcome_unknown if no shard could be changed; authority_moved if `number` is outdated
 */
export async function setStopped(
  shards: readonly PodShard[],
  wanted: boolean,
  by: By,
  number?: number,
): Promise<StopReport> {
  const expected = number === undefined ? null : await stopsAt(shards, wanted, number);
  const states = await ofEach(shards, async (shard, index) => {
    const { context } = shard;
    const stops = await retried({ clock: context.clock, ...TRIES }, () =>
      context.stops.set(wanted, by, expected?.[index] ?? null),
    );
    context.logger.log.warn(
      { user: by.user, reason: by.reason, stops },
      wanted ? 'an operator has stopped the ledger' : 'an operator has released the ledger',
    );
    return obeyed(shard, stops, ANSWERED_WITHIN_MS);
  });
  return report(shards, states);
}

/** @throws Problem database_unavailable if no shard could be read */
export async function stopReport(shards: readonly PodShard[]): Promise<StopReport> {
  const states = await ofEach(shards, async (shard) => {
    const { stops } = await shard.context.opsReads.authority.read();
    return obeyed(shard, stops, 0);
  });
  return report(shards, states);
}

/** The stops of each shard. @throws Problem authority_moved if their sum is not `number` and a shard has to be changed */
async function stopsAt(shards: readonly PodShard[], wanted: boolean, number: number): Promise<number[]> {
  const stops = await Promise.all(shards.map(async ({ context }) => (await context.opsReads.authority.read()).stops));
  if (sumOf(stops) !== number && stops.some((one) => isStopped(one) !== wanted))
    throw new Problem('authority_moved', 'the ledger was stopped or released in the meantime; read its state again');
  return stops;
}
const sumOf = (stops: readonly number[]): number => stops.reduce((sum, one) => sum + one, 0);

/**
 * The state of a shard, and whether every store that may change balances obeys it. MySQL has committed it by now, so a
 * failure to read it here only means that it is not confirmed. @param stops as last seen in MySQL
 */
async function obeyed(shard: PodShard, stops: number, withinMs: number): Promise<ShardState> {
  const { clock, opsReads } = shard.context;
  const deadline = clock.monotonic() + withinMs;
  const state = { stops, enforced: false };
  for (;;) {
    try {
      const now = await opsReads.authority.read();
      state.stops = now.stops;
      state.enforced = await isObeyed(shard, now);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
    }
    if (state.enforced || clock.monotonic() >= deadline) return state;
    await clock.sleep(RETRY_MS);
  }
}

/**
 * While the mode is CLOSING, a pod that has not noticed this yet may still make changes in Redis, until it hands over.
 * In DIRECT and REBUILDING, no pod makes changes in Redis, so the commit in MySQL is enough. When a pod later registers
 * in a new epoch, it copies the stops to Redis before its first call there.
 */
async function isObeyed({ context, session }: PodShard, now: Authority): Promise<boolean> {
  if (now.mode === 'CACHE') return session.bringStops(now);
  return now.mode !== 'CLOSING' || now.cacheEpoch === null || context.opsReads.authority.allHandedOver(now.cacheEpoch);
}

/** A failing shard must not keep the others from being stopped: its Problem takes the place of its state. */
async function ofEach(
  shards: readonly PodShard[],
  ask: (shard: PodShard, index: number) => Promise<ShardState>,
): Promise<(ShardState | Problem)[]> {
  return Promise.all(
    shards.map((shard, index) =>
      ask(shard, index).catch((error: unknown) => {
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
  const isKnown = known.length === states.length;
  return {
    stopped: isKnown && known.every(({ stops }) => isStopped(stops)),
    enforced: isKnown && known.every(({ enforced }) => enforced),
    number: isKnown ? sumOf(known.map(({ stops }) => stops)) : null,
    changes: listed[0]?.changes ?? [],
    olderProcesses: [...new Set(listed.flatMap(({ older }) => older))],
    ...(shards.length > 1 && {
      shards: states.map((state, shard) =>
        state instanceof Problem
          ? { shard, problem: { code: state.code, detail: state.message } }
          : { shard, stopped: isStopped(state.stops), enforced: state.enforced },
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
