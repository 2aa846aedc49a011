import type { Authority } from '../../domain/authority.ts';
import type { CacheKeeper, Ownership } from '../../journal/cache-port.ts';

interface RedisOwnershipDependencies {
  cache: Pick<CacheKeeper, 'ownership' | 'claim'>;
  onRedisOwner(state: Ownership['state']): void;
}

/**
 * Checks whether a Redis belongs to this ledger. Two installations with the same key prefix on one Redis would fence
 * off and delete each other's journal, so a keeper starts nothing where it finds another ledger's keys, or keys that it
 * cannot prove to be its own.
 */
export class RedisOwnership {
  readonly #deps: RedisOwnershipDependencies;
  constructor(deps: RedisOwnershipDependencies) {
    this.#deps = deps;
  }

  /**
   * Claims the Redis of the authority's epoch if an older release has used it without leaving an owner. The epoch's marker
   * is the proof: a random value that exists only in this ledger's MySQL and in its own keys.
   * @returns whether the Redis now belongs to this ledger
   */
  async claim({ cacheEpoch, cacheFormat, marker }: Authority, replid: string): Promise<boolean> {
    if (cacheEpoch === null || cacheFormat === null || marker === null) return false;
    return this.#deps.cache.claim({ epoch: cacheEpoch, format: cacheFormat }, replid, marker);
  }

  /** Why an epoch may not begin on this Redis; null when it may. */
  async obstacle(replid: string): Promise<string | null> {
    const { state, owner, fence } = await this.#deps.cache.ownership(replid);
    this.#deps.onRedisOwner(state);
    switch (state) {
      case 'own':
      case 'free':
        return null;
      case 'foreign':
        return `this Redis belongs to another ledger (${owner}) with the same KEY_PREFIX; nothing was changed there`;
      case 'unclaimed':
        return `this Redis holds keys (fence ${fence}) that cannot be proven to be this ledger's; nothing was changed there`;
    }
  }
}
