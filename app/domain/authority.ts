export const MODES = ['CACHE', 'CLOSING', 'DIRECT', 'REBUILDING'] as const;
export type Mode = (typeof MODES)[number];

/** Which Redis an epoch of the cache was activated on. */
export interface CacheServerIdentity {
  cacheEpoch: number;
  /** The name of the node, when it has one that does not replicate; else ''. */
  redisNode: string;
  replid: string;
  marker: string;
}

/** Who may change balances: one row of MySQL. Every transition adds 1 to the epoch. */
export interface Authority {
  epoch: number;
  mode: Mode;
  /**
   * CACHE: this epoch. CLOSING: the epoch that has to be settled. DIRECT: the epoch whose journal frozen accounts wait for.
   * Null where nothing waits.
   */
  cacheEpoch: number | null;
  redisNode: string | null;
  replid: string | null;
  marker: string | null;
  /**
   * DIRECT with frozen accounts: the highest seq of the unsettled epoch that any pod has received or observed; a Redis that
   * knows less is not believed. Else null.
   */
  bound: number | null;
  /** How long the authority has stood so, ms. */
  ageMs: number;
}

/** The registration of a pod in an epoch of the cache: who must drain before anything else moves. */
export interface PodRow {
  podId: string;
  epoch: number;
  /** The highest seq that an answer of this pod has depended on, as it last reported. */
  observed: number;
  /** True once all that this pod knows of the epoch is in MySQL, and it has stopped for good. */
  drained: boolean;
  retiredSeq: number | null;
  silentMs: number;
}

/** What an API process reports, registered or not: it decides when the authority moves, never whether that is safe. */
export interface LivePod {
  processId: string;
  /** Whether it reaches Redis, and for how long that has been so, ms. */
  redisSeen: boolean;
  redisSinceMs: number;
  silentMs: number;
}

/** Who moved the authority, and why: for the log of it. */
export interface MovedBy {
  /** A keeper's id, or the operator's name. */
  keeper: string;
  reason: string;
}
