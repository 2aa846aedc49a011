import { round } from '../measure.ts';

/** What the model needs from the load test's result: the figures of each part, by its name. */
export type Found = Readonly<Record<string, { figures: Readonly<Record<string, number>> } | undefined>>;

/**
 * The share that may be used of the one core of a store or process; the rest is for peaks, for a lost pod, and for
 * forks.
 */
const SHARE_OF_CORE = 0.6;
const PODS_MIN = 3;
const KEEPERS = 2;
/** `MYSQL_POOL_MAX`, and the same number of reserved connections, which a flood of requests cannot occupy. */
const CONNECTIONS_PER_PROCESS = 20;

export interface Costs {
  /** CPU time of an API pod for a request with one transfer, µs, measured with full calls to Redis. */
  api: number;
  /** CPU time of Redis, µs: for each transfer, and for each call in addition, whatever its size. */
  redisPerTransfer: number;
  redisPerCall: number;
  /** CPU time of MySQL and of the keeper, µs per transfer, for small flushes and for flushes of maximum size. */
  mysqlSmall: number;
  mysqlLarge: number;
  keeperSmall: number;
  keeperLarge: number;
}

/**
 * Redis: cost(k) = perTransfer + perCall / k for calls of k transfers; the parts `steady` and `batch100` determine the
 * two costs.
 * @throws Error if a part is missing
 */
export function costsOf(found: Found): Costs {
  const figure = (part: string, name: string): number => {
    const value = found[part]?.figures[name];
    if (value === undefined) throw new Error(`the result has no "${name}" in ${part}`);
    return value;
  };
  const calls = (part: string) => figure(part, 'transfers in a script call');
  const redis = (part: string) => figure(part, 'cpu redis, µs');
  const perCall = (redis('steady') - redis('batch100')) / (1 / calls('steady') - 1 / calls('batch100'));
  return {
    api: figure('single', 'cpu api, µs'),
    redisPerTransfer: round(redis('batch100') - perCall / calls('batch100'), 1),
    redisPerCall: round(perCall),
    mysqlSmall: figure('single', 'cpu mysql, µs'),
    mysqlLarge: figure('batch100', 'cpu mysql, µs'),
    keeperSmall: figure('single', 'cpu keeper, µs'),
    keeperLarge: figure('batch100', 'cpu keeper, µs'),
  };
}

/** The cost of a transfer between two shards, in all shards together, as a multiple of one inside a shard. */
export interface CrossingRatios {
  api: number;
  redis: number;
  mysql: number;
}

/** Measured by `npx tsx loadtest/crossings.ts --saturate` (loadtest/README.md). */
export const CROSSING_RATIOS: CrossingRatios = { api: 2.7, redis: 3.3, mysql: 4.7 };

/** Calls of a busy shard contain at least this many transfers. */
const TRANSFERS_IN_CALL = 100;
const SHARDS_MAX = 1024;

/**
 * The numbers of shards and pods that a rate needs, so that neither the flush nor Redis of any shard uses more than its
 * share of a core.
 * @param crossing the share of the transfers that are between shards; `uniform`: every account pays every other one equally often
 */
export function needShards(
  rate: number,
  crossing: number | 'uniform',
  costs: Costs,
  ratios: CrossingRatios,
): { shards: number; share: number; pods: number; redis: number; mysql: number } {
  for (let shards = 1; shards <= SHARDS_MAX; shards++) {
    const share = shards === 1 ? 0 : crossing === 'uniform' ? (shards - 1) / shards : crossing;
    const weight = (ratio: number) => 1 - share + share * ratio;
    const cores = (micros: number, ratio: number) => (rate * micros * weight(ratio)) / 1e6;
    const redis = cores(costs.redisPerTransfer + costs.redisPerCall / TRANSFERS_IN_CALL, ratios.redis) / shards;
    const mysql = cores(costs.mysqlLarge, ratios.mysql) / shards;
    if (Math.max(redis, mysql) > SHARE_OF_CORE) continue;
    const pods = Math.max(PODS_MIN, Math.ceil(cores(costs.api, ratios.api) / SHARE_OF_CORE));
    return { shards, share, pods, redis: round(redis, 2), mysql: round(mysql, 2) };
  }
  throw new RangeError(`${rate}/s need more than ${SHARDS_MAX} shards`);
}

/**
 * The resources that a rate of single transfers per second needs.
 *
 * - pods = rate × api / share, at least three
 * - Redis = rate × (perTransfer + perCall / k), where k is the lowest value at which Redis stays within its share: a
 *   pod's next call takes the transfers that arrived in the meantime, so k adjusts itself, and k transfers arrive at a
 *   pod within k × pods / rate
 * - flush: one connection, one core of MySQL, one of the keeper; large flushes if small ones would fall behind
 */
export function need(rate: number, costs: Costs): Record<string, number | string> {
  const cores = (micros: number) => (rate * micros) / 1e6;
  const pods = Math.max(PODS_MIN, Math.ceil(cores(costs.api) / SHARE_OF_CORE));
  const left = SHARE_OF_CORE - cores(costs.redisPerTransfer);
  const transfersInCall = left > 0 ? Math.max(1, Math.ceil(cores(costs.redisPerCall) / left)) : null;
  const isSmall = cores(costs.mysqlSmall) <= SHARE_OF_CORE;
  const mysql = cores(isSmall ? costs.mysqlSmall : costs.mysqlLarge);
  const keeper = cores(isSmall ? costs.keeperSmall : costs.keeperLarge);
  const redis = cores(costs.redisPerTransfer + costs.redisPerCall / (transfersInCall ?? Number.POSITIVE_INFINITY));
  return {
    'API pods': pods,
    'cores per pod': round(cores(costs.api) / pods, 2),
    'target per pod, /s': Math.floor((SHARE_OF_CORE * 1e4) / costs.api) * 100,
    'transfers per call': transfersInCall ?? '–',
    'wait for a call, ms': transfersInCall === null ? '–' : round((1000 * transfersInCall * pods) / rate, 1),
    'Redis, cores (of 1)': `${round(redis, 2)}${redis > 1 ? ' TOO MUCH' : transfersInCall === null ? ' no reserve' : ''}`,
    'MySQL flush, cores (of 1)': `${round(mysql, 2)}${mysql > 1 ? ' TOO MUCH' : mysql > SHARE_OF_CORE ? ' no reserve' : ''}`,
    'keeper, cores': round(keeper, 2),
    'MySQL connections, rolling': (pods + 1 + KEEPERS + 1) * CONNECTIONS_PER_PROCESS,
  };
}
