import type { RestoredShard, SurvivingShard } from '../../app/ledger/ports/restored-shard.ts';

/**
 * The recovery of shards that were restored from a backup, as app/tools/shards/recover.ts does it. A mutant changes one
 * part.
 */
export interface Recovering {
  /** Whether it waits until MySQL of the other shards has everything that they have decided. */
  waits: boolean;
  /** Whether epochs after the restore are higher than all earlier epochs. */
  goesBeyond: boolean;
  /** Whether all earlier processes have ended. */
  stops: boolean;
  restored(shard: RestoredShard): RestoredShard;
  surviving(shard: SurvivingShard): SurvivingShard;
}
export const RECOVERING: Recovering = {
  ...{ waits: true, goesBeyond: true, stops: true },
  restored: (shard) => shard,
  surviving: (shard) => shard,
};
