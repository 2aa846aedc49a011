import { endEpochWithoutJournal } from '../../app/authority/keeper/end-epoch.ts';
import { type RecoveryReport, ShardRecovery } from '../../app/shards/shard-recovery.ts';
import { AuthorityTables } from '../mysql/authority-tables.ts';
import { operatorOf, restoredShard, survivingShard } from '../mysql/recovery-of-shard.ts';
import { RecoveryStoreTables } from '../mysql/recovery-store-tables.ts';
import { isFlushed, LOOK_EVERY_MS } from '../world/recovery.ts';
import { TIMES } from '../world/settings.ts';
import type { World } from '../world/world.ts';
import { lossIn } from './losses.ts';
import type { Recovering } from './recovering.ts';
import type { ShardedWorld } from './sharded-world.ts';

const BY = { keeper: 'recover', reason: 'restored from a backup' };
const SETTLED_WITHIN_MS = 60_000;
/** Longer than any message is in transit. */
const SILENCE_MS = 10_000;
const PAGE = 3;
const INTERRUPTED_PAGES_MAX = 5;

/**
 * Stops everything, restores MySQL of some shards from backups, and recovers them. Starts no process afterwards.
 * @param backups by shard
 */
export async function restoreSome(
  world: ShardedWorld,
  backups: ReadonlyMap<number, () => void>,
  recovering: Recovering,
): Promise<RecoveryReport[]> {
  const { scheduler, shards } = world;
  if (recovering.stops) await stopPods(world);
  if (recovering.waits) {
    const until = scheduler.nowMs + SETTLED_WITHIN_MS;
    const others = shards.filter((_, shard) => !backups.has(shard));
    while (scheduler.nowMs < until && !(await areSettled(others))) await scheduler.run(scheduler.nowMs + LOOK_EVERY_MS);
    if (!(await areSettled(others))) world.fail('stuck', 'the other shards did not come to rest');
  }
  if (recovering.stops) for (const shard of shards) for (const keeper of shard.liveKeepers) keeper.process.kill();
  if (recovering.stops) await scheduler.run(scheduler.nowMs + SILENCE_MS);
  const epochs = new Map<number, number>();
  for (const [shard, restore] of backups) {
    world.note(`MySQL of shard ${shard} is restored`);
    const own = shardAt(world, shard);
    restore();
    world.losses.push({ ...lossIn(own, shard), isRestored: true });
    const client = operatorOf(own.mysql);
    const stores = { authority: new AuthorityTables(client), recoveryStore: new RecoveryStoreTables(client) };
    const direct = await endEpochWithoutJournal(stores, BY);
    if (recovering.goesBeyond) goBeyond(own, Math.floor(own.mysql.wallMs / 1000));
    epochs.set(shard, recovering.goesBeyond ? own.mysql.tables.authority.epoch : direct.epoch);
  }
  const reports: RecoveryReport[] = [];
  for (const [shard, epoch] of epochs) reports.push(...(await recover(world, shard, epoch, recovering)));
  return reports;
}

/** The same as in app/mysql/authority/authority-store.ts. */
function goBeyond({ mysql: { tables } }: World, fence: number): void {
  tables.authority = { ...tables.authority, epoch: Math.max(tables.authority.epoch, fence) + 1 };
}

async function recover(world: ShardedWorld, shard: number, epoch: number, recovering: Recovering) {
  const { random } = shardAt(world, shard);
  const reports: RecoveryReport[] = [];
  // Sometimes the recovery is interrupted and run again.
  let pages = random.chance(0.4) ? random.whole(0, INTERRUPTED_PAGES_MAX) : Number.POSITIVE_INFINITY;
  for (;;) {
    const recovery = new ShardRecovery({
      number: shard,
      restored: recovering.restored(restoredShard(shardAt(world, shard).mysql, epoch)),
      others: new Map(
        world.shards.flatMap(({ mysql }, n) => (n === shard ? [] : [[n, recovering.surviving(survivingShard(mysql))]])),
      ),
      isDryRun: false,
      page: PAGE,
      async onPage() {
        pages -= 1;
        if (pages < 0) throw new Interrupted();
      },
    });
    try {
      const report = await recovery.run();
      world.note(`shard ${shard} is recovered in epoch ${epoch}: ${JSON.stringify(report)}`);
      for (const what of report.listed) world.fail('broken', `after a restore, ${what}`);
      reports.push(report);
      return reports;
    } catch (error) {
      if (!(error instanceof Interrupted)) throw error;
      pages = Number.POSITIVE_INFINITY;
    }
  }
}

class Interrupted extends Error {}

async function stopPods(world: ShardedWorld): Promise<void> {
  const { scheduler } = world;
  for (const pod of world.servingPods) pod.kill();
  await scheduler.run(scheduler.nowMs + 2 * TIMES.retireAfterMs);
}

/** Whether MySQL has everything in the journals, and no pod can append to them. */
async function areSettled(worlds: readonly World[]): Promise<boolean> {
  for (const world of worlds) {
    const { authority, pods } = world.mysql.tables;
    if (authority.mode === 'DIRECT' && authority.cacheEpoch === null) continue;
    const isRegistered = [...pods.values()].some(({ epoch }) => epoch === authority.cacheEpoch);
    if (authority.mode !== 'CACHE' || isRegistered || !(await isFlushed(world))) return false;
  }
  return true;
}

function shardAt({ shards }: ShardedWorld, shard: number): World {
  const world = shards[shard];
  if (!world) throw new RangeError(`there is no shard ${shard}`);
  return world;
}
