import { requireFeature } from '../domain/features.ts';
import { ChangeFeed } from '../feed/change-feed.ts';
import type { Context } from './context.ts';
import type { PodShard } from './pod-shard.ts';

/** The change feed of a pod, which reads the logs of all shards. */
export function createFeed({ clock, metrics, shards }: Context, podShards: readonly PodShard[]): ChangeFeed {
  const feed = new ChangeFeed({
    shards: podShards.map(({ context: { sealedLog, logger }, session }) => ({
      log: sealedLog,
      logger: logger.log,
      requireActive: () => requireFeature(session.format(), 'events'),
    })),
    // All shards belong to the same ledger.
    ledgerId: async () => (await shards[0]?.identity.read()) ?? '',
    clock,
    onEnd: (reason) => metrics.listenerEnded(reason),
    onBehind: () => metrics.listenerFellBehind(),
  });
  for (const { shard, metrics: ofShard } of shards)
    ofShard.sample({ eventFeedBehindSeconds: () => feed.behindMs(shard) / 1000 });
  return feed;
}
