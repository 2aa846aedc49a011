import { shardOfAccount } from '../../app/domain/account-shard.ts';
import { Client } from '../../verification/harness/client.ts';
import { ShardedCluster, type ShardedClusterOptions } from '../../verification/harness/sharded-cluster.ts';
import { Load } from '../../verification/load/load.ts';
import { type ShardTowns, shardTowns } from '../../verification/load/shard-population.ts';
import type { Ground, Hypothesis, Scene } from './hypothesis.ts';
import {
  across,
  acrossOthers,
  holdsSeen,
  inside,
  insideOthers,
  type PathsSeen,
  pathsSeen,
  textOfHolds,
  textOfPaths,
  touching,
} from './paths.ts';
import type { Seen } from './seen.ts';

export const SHARDS = 3;

/** What the experiments with several shards have in common. */
export const SHARDED = {
  seconds: { full: { before: 8, after: 10 }, short: { before: 3, after: 4 } },
  load: { rate: 120, workers: 250, batches: 0.06, batchSize: 6, groups: 0.03, holds: 0.03, transfersPerSecondMin: 100 },
  population: (prefix: string) => shardTowns(prefix, SHARDS),
} satisfies Partial<Hypothesis>;

/** The errors of transfers that touch a shard while its authority moves. `pending` is the error of a lookup. */
export const SWITCHING = /^(ledger_switching|504 outcome_unknown|pending)$/;

export type ShardedGround = Ground<ShardedCluster>;

/** A ledger with three shards, each with a Redis and a database of its own. */
export async function ownShards(options: ShardedClusterOptions = {}): Promise<ShardedGround> {
  const stack = await ShardedCluster.start({ shards: SHARDS, pods: 3, keepers: 2, ...options });
  return { stack, [Symbol.asyncDispose]: () => stack[Symbol.asyncDispose]() };
}

/** Pauses of this length occur even without a fault, because all processes and the load share one machine, ms. */
const PAUSE_MS_MAX = 1_500;
/** The maximum time of an answer from other shards: this many ms, or this multiple of the longest before the fault. */
const WAIT_MS_MAX = 1_000;
const WAIT_FACTOR_MAX = 3;

/** Compares, before and during the fault of a shard, transfers that do not touch it: they must not notice the fault. */
export function othersUnaffected(away: number) {
  return ({ note, wrong, late, short }: Scene<ShardedGround>, seen: Seen): void => {
    const { began, fault, ended } = seen.span;
    const during = (belongs: Parameters<typeof pathsSeen>[2]) =>
      pathsSeen(seen, SHARDS, belongs, { from: fault, to: ended });
    const before = (belongs: Parameters<typeof pathsSeen>[2]) =>
      pathsSeen(seen, SHARDS, belongs, { from: began, to: fault });
    const inOthers = (account: string) => shardOfAccount(account, SHARDS) !== away;
    const holdsBefore = holdsSeen(seen, inOthers, { from: began, to: fault });
    const holds = holdsSeen(seen, inOthers, { from: fault, to: ended });
    const soon = (what: string, waitMs: number, beforeMs: number) => {
      if (!short && waitMs > Math.max(WAIT_MS_MAX, WAIT_FACTOR_MAX * beforeMs))
        late(`an answer ${what} took ${Math.round(waitMs)} ms`);
    };
    const check = (what: string, paths: PathsSeen) => {
      if (paths.posted === 0) wrong(`no transfer ${what} was posted`);
      for (const [code, count] of paths.errors)
        if (!seen.excused?.test(code)) wrong(`${count} transfers ${what} got ${code}`);
      if (!short && paths.pauseMs > PAUSE_MS_MAX) late(`${Math.round(paths.pauseMs)} ms without a success ${what}`);
    };
    note(`inside the other shards, before the fault: ${textOfPaths(before(insideOthers(away)))}`);
    note(`inside the other shards, since the fault: ${textOfPaths(during(insideOthers(away)))}`);
    note(`across the other shards, before the fault: ${textOfPaths(before(acrossOthers(away)))}`);
    note(`across the other shards, since the fault: ${textOfPaths(during(acrossOthers(away)))}`);
    note(`from, to and inside shard ${away}, since the fault: ${textOfPaths(during(touching(away)))}`);
    note(
      `holds in the other shards, before the fault: ${textOfHolds(holdsBefore)}; since the fault: ${textOfHolds(holds)}`,
    );
    soon('for a hold in the other shards', holds.waitMsMax, holdsBefore.waitMsMax);
    soon('inside the other shards', during(insideOthers(away)).waitMsMax, before(insideOthers(away)).waitMsMax);
    check('inside the other shards', during(insideOthers(away)));
    check('across the other shards', during(acrossOthers(away)));
  };
}

/** Notes what the clients saw inside and across shards. */
export function bothPaths({ note }: Pick<Scene<ShardedGround>, 'note'>, seen: Seen): void {
  const { began, fault, ended } = seen.span;
  for (const [name, belongs] of [
    ['inside a shard', inside],
    ['across shards', across],
  ] as const) {
    note(`${name}, before the fault: ${textOfPaths(pathsSeen(seen, SHARDS, belongs, { from: began, to: fault }))}`);
    note(`${name}, since the fault: ${textOfPaths(pathsSeen(seen, SHARDS, belongs, { from: fault, to: ended }))}`);
  }
}

/** Sets, through the second pod, the status of the accounts of a shard that take part in the most transfers. */
export async function setHotAccounts(
  { ground: { stack }, population, recorder }: Scene<ShardedGround>,
  shard: number,
  status: 'ACTIVE' | 'FROZEN',
): Promise<void> {
  using client = new Client(() => [stack.pod(1).url], stack.file.apiKey);
  const load = new Load(client, recorder, population);
  const { towns } = population as ShardTowns;
  const hot = towns[shard]?.accounts.filter(({ accountId }) => accountId.includes('-hot-')) ?? [];
  const changed = await Promise.all(hot.map((account) => load.change(account, { status })));
  if (hot.length === 0 || !changed.every(Boolean)) throw new Error(`statuses were not set: ${changed}`);
}

/**
 * Prevents keepers from writing to the MySQL of a shard, so that whatever waits for a flush keeps waiting. @returns a
 * function that ends this
 */
export function holdFlush(cluster: ShardedCluster, shard: number): () => void {
  const links = cluster.keepers.map((keeper) => cluster.wire(keeper, 'mysql', shard));
  for (const link of links) link.hold('requests');
  return () => {
    for (const link of links) link.heal();
  };
}

/** How many transfers between shards have been returned so far. */
export async function returnedCount(cluster: ShardedCluster): Promise<number> {
  let count = 0;
  for (let shard = 0; shard < cluster.shards; shard++) {
    const [row] = await cluster.query(shard, "SELECT COUNT(*) AS returned FROM crossings WHERE state = 'RETURNED'");
    count += Number(row?.['returned']);
  }
  return count;
}
