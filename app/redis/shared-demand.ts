import type { Redis } from 'ioredis';
import type { ShardPrefix } from './shard-prefix.ts';

/** A report older than this, ms, is ignored: its pod no longer gets requests from that user, or has ended. */
const STALE_MS = 3_000;
/** Time without a report, ms, after which the hash of a user, or the field of a pod in it, is deleted. */
const EXPIRE_MS = 60_000;

export interface SharedDemandOptions {
  redis: Redis;
  keyPrefix: ShardPrefix;
  podId: string;
  /** Whether this pod may use this Redis: true only once Redis is known to belong to this ledger. */
  isAdmitted(): boolean;
  staleMs?: number;
}

/**
 * The pods' request rates, in a hash per user with a field per pod: `<requests per second>@<time>`. Times come from
 * Redis. Hashes expire, and nothing depends on keeping them.
 */
export class SharedDemand {
  readonly #options: SharedDemandOptions;
  readonly #staleMs: number;

  constructor(options: SharedDemandOptions) {
    this.#options = options;
    this.#staleMs = options.staleMs ?? STALE_MS;
  }

  /**
   * @param demand requests per second of each user on this pod
   * @returns requests per second of the same users on all pods
   */
  async exchange(demand: ReadonlyMap<string, number>): Promise<ReadonlyMap<string, number>> {
    const { redis, keyPrefix, podId } = this.#options;
    this.#mustBeAdmitted();
    const [seconds, microseconds] = await redis.time();
    // A different Redis may be at this address by now.
    this.#mustBeAdmitted();
    const now = Number(seconds) * 1000 + Number(microseconds) / 1000;
    const commands = redis.pipeline();
    const keyOf = (user: string) => `${keyPrefix}:rates:${user}`;
    for (const [user, perSecond] of demand) {
      commands.hset(keyOf(user), podId, `${perSecond}@${now}`);
      commands.pexpire(keyOf(user), EXPIRE_MS);
      commands.hgetall(keyOf(user));
    }
    const replies = (await commands.exec()) ?? [];
    const totals = new Map<string, number>();
    // The hash of a user who sends requests without a pause does not expire, and would keep a field
    // for every pod that ever ran.
    const deletions = redis.pipeline();
    let index = 2;
    for (const user of demand.keys()) {
      const [error, fields] = replies[index] ?? [new Error('no reply')];
      if (error) throw error;
      const reports = Object.entries(fields as Record<string, string>).map(reportOf(now));
      totals.set(user, sum(reports.filter(({ ageMs }) => ageMs <= this.#staleMs)));
      const ended = reports.filter(({ ageMs }) => ageMs > EXPIRE_MS).map((report) => report.podId);
      if (ended.length > 0) deletions.hdel(keyOf(user), ...ended);
      index += 3;
    }
    if (deletions.length > 0) await deletions.exec();
    return totals;
  }

  #mustBeAdmitted(): void {
    if (!this.#options.isAdmitted()) throw new Error('this pod is not registered in Redis');
  }
}

interface Report {
  podId: string;
  perSecond: number;
  ageMs: number;
}

/**
 * A report with a time in the future is treated as equally far in the past: the clock of Redis was set back, or
 * another server has taken over.
 */
const reportOf =
  (now: number) =>
  ([podId, field]: [string, string]): Report => {
    const [perSecond = 0, at = 0] = field.split('@').map(Number);
    return { podId, perSecond, ageMs: Math.abs(now - at) };
  };

const sum = (reports: readonly Report[]): number => reports.reduce((total, { perSecond }) => total + perSecond, 0);
