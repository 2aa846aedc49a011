import type { LivePod } from '../../domain/authority.ts';

/** Pods that have been silent this long are not counted, ms. */
const SILENT_AFTER_MS = 5_000;

/** The live pods' vote on whether Redis can be reached. */
export interface ReachabilityVote {
  live: number;
  /** At least half of the live pods reach Redis. */
  mostReachRedis: boolean;
  /** How long more than half of the live pods have been unable to reach Redis, ms; 0 if at least half reach it. */
  mostHaveLostRedisForMs: number;
}

export function countVote(pods: readonly LivePod[]): ReachabilityVote {
  const live = pods.filter(({ silentMs }) => silentMs < SILENT_AFTER_MS);
  const reach = live.filter(({ redisSeen }) => redisSeen).length;
  // Sorted by duration, longest first: more than half of the pods have been unable to reach Redis for at least the
  // duration at this index.
  const lostForMs = live
    .filter(({ redisSeen }) => !redisSeen)
    .map(({ redisSinceMs }) => redisSinceMs)
    .sort((a, b) => b - a);
  return {
    live: live.length,
    mostReachRedis: live.length > 0 && reach * 2 >= live.length,
    mostHaveLostRedisForMs: lostForMs[Math.floor(live.length / 2)] ?? 0,
  };
}
