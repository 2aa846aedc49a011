import type { Redis } from 'ioredis';

/** A report older than this, ms, no longer counts: its pod has no more requests of that user, or has ended. */
const STALE_MS = 3_000;
/** A hash to which no pod has reported for this time is deleted, ms. */
const EXPIRE_MS = 60_000;

export interface SharedDemandOptions {
  redis: Redis;
  keyPrefix: string;
  podId: string;
  /** Whether this pod may use this Redis: not before it is known to belong to this ledger. */
  isAdmitted(): boolean;
  staleMs?: number;
}

/**
 * The pods' request rates, in a hash per user with a field per pod: `<requests per second>@<time>`. Times are Redis's own. Hashes
 * expire, and losing them costs nothing.
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
    const { redis, keyPrefix, podId, isAdmitted } = this.#options;
    if (!isAdmitted()) throw new Error('this pod is not registered in Redis');
    const [seconds, microseconds] = await redis.time();
    const now = Number(seconds) * 1000 + Number(microseconds) / 1000;
    const commands = redis.pipeline();
    for (const [user, perSecond] of demand) {
      const key = `${keyPrefix}:{rates}:${user}`;
      commands.hset(key, podId, `${perSecond}@${now}`);
      commands.pexpire(key, EXPIRE_MS);
      commands.hgetall(key);
    }
    const replies = (await commands.exec()) ?? [];
    const totals = new Map<string, number>();
    let index = 2;
    for (const user of demand.keys()) {
      const [error, fields] = replies[index] ?? [new Error('no reply')];
      if (error) throw error;
      totals.set(user, this.#sum(fields as Record<string, string>, now));
      index += 3;
    }
    return totals;
  }

  #sum(fields: Record<string, string>, now: number): number {
    let total = 0;
    for (const field of Object.values(fields)) {
      const [perSecond = 0, at = 0] = field.split('@').map(Number);
      if (now - at <= this.#staleMs) total += perSecond;
    }
    return total;
  }
}
