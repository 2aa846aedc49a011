export const MODES = ['CACHE', 'CLOSING', 'DIRECT', 'REBUILDING'] as const;
export type Mode = (typeof MODES)[number];

/**
 * The format of the rules. Every release since 0.1.0 can work in format 1. Format 2 adds holds, limits and groups,
 * which 0.1.0 does not know; its modes and its keys in Redis have other names, so that 0.1.0 does not find them. The
 * format of a ledger never decreases.
 */
export type Format = 1 | 2;
/** The highest format in which this release can work. */
export const FORMAT_MAX: Format = 2;

/** An epoch of the cache, as it appears in the names of the keys in Redis. */
export interface NamedEpoch {
  epoch: number;
  format: Format;
}

/** The Redis server on which a cache epoch was activated. */
export interface CacheServerIdentity {
  cacheEpoch: number;
  /** A name of the node that is not replicated, if the node has one; otherwise ''. */
  redisNode: string;
  replid: string;
  marker: string;
}

/** Who may change balances: one row in MySQL. Every transition adds 1 to the epoch. */
export interface Authority {
  epoch: number;
  mode: Mode;
  /** The format of the rules in this epoch, and of the next epoch of the cache. */
  format: Format;
  /**
   * CACHE: the current epoch. CLOSING: the epoch to be recovered. DIRECT: the epoch whose journal the frozen accounts
   * wait for. Null if nothing is pending.
   */
  cacheEpoch: number | null;
  /**
   * The format in which `cacheEpoch` began. It is lower than `format` while the last epoch of the older format is being
   * recovered.
   */
  cacheFormat: Format | null;
  redisNode: string | null;
  replid: string | null;
  marker: string | null;
  /**
   * DIRECT with frozen accounts: the highest seq of the unrecovered epoch that any pod has received or observed; a
   * Redis with a lower seq has lost data and is not trusted. Otherwise null.
   */
  highestKnownSeq: number | null;
  /**
   * How many times an operator has stopped or released the ledger: odd while it is stopped. It is independent of the
   * epoch, and only increases.
   */
  stops: number;
  /** How long the authority has been in this state, ms. */
  ageMs: number;
}

/** A pod's registration in a cache epoch: every registered pod must hand over before the authority moves. */
export interface PodRow {
  podId: string;
  epoch: number;
  /** The highest seq that a response of this pod has depended on, as last reported. */
  observed: number;
  /**
   * True once everything that this pod knows of the epoch is in MySQL and the pod has stopped working in it for good.
   */
  handedOver: boolean;
  retiredSeq: number | null;
  silentMs: number;
}

/**
 * The status reported by an API process, registered or not: it affects when the authority moves, but never whether
 * moving is safe.
 */
export interface LivePod {
  processId: string;
  /** Whether the process reaches Redis, and for how long that has been the case, ms. */
  redisSeen: boolean;
  redisSinceMs: number;
  silentMs: number;
}

/** Who moved the authority, and why; recorded in its history. */
export interface MovedBy {
  /** A keeper's id, or the operator's user name. */
  keeper: string;
  reason: string;
}
