import { RECOVERING, type Recovering } from '../shards/recovering.ts';
import { SHARDED_PROTOCOL, type ShardedAssembly } from '../shards/sharded-world.ts';
import type { ShardedMutant } from './crossing.ts';

const recovering = (change: Partial<Recovering>): ShardedAssembly => ({
  ...SHARDED_PROTOCOL,
  recovering: { ...RECOVERING, ...change },
});

/** Each breaks one rule of the recovery of a shard that was restored from a backup (decision 049). */
export const RESTORING: readonly ShardedMutant[] = [
  {
    name: 'closed-crossings-stay-closed',
    rule: 'A closed crossing whose arrival is lost is opened again.',
    assembly: recovering({ surviving: (shard) => ({ ...shard, reopen: async () => {} }) }),
  },
  {
    name: 'arrivals-are-not-compared',
    rule: 'Transfers that arrived from the restored shard are written to it again.',
    assembly: recovering({ surviving: (shard) => ({ ...shard, arrivalsFrom: async () => [] }) }),
  },
  {
    name: 'refusals-are-not-restored',
    rule: 'A refusal that is lost is written again if the money came back.',
    assembly: recovering({ restored: (shard) => ({ ...shard, writeRefusals: async () => {} }) }),
  },
  {
    name: 'epochs-are-used-again',
    rule: 'Epochs after a restore are higher than all earlier epochs.',
    assembly: recovering({ goesBeyond: false }),
  },
];
