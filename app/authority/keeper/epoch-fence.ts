import type { Authority } from '../../domain/authority.ts';
import { CacheError, type CacheKeeper, type KeeperCaller } from '../../journal/cache-port.ts';
import type { KeeperAuthority } from '../authority-ports.ts';
import { provableNode, type ServerFacts, unfitness } from '../server-facts.ts';
import type { Complaints } from './complaints.ts';
import type { RedisOwnership } from './redis-ownership.ts';

/** With this sequence number, only the head of a journal is read. */
export const NO_ENTRIES_AFTER = Number.MAX_SAFE_INTEGER - 1;

interface EpochFenceDependencies {
  authority: Pick<KeeperAuthority, 'allHandedOver' | 'cursor' | 'observedIn'>;
  cache: Pick<CacheKeeper, 'fence' | 'journal'>;
  ownership: RedisOwnership;
  complaints: Complaints;
}

/** Determines whether the data of an epoch in a Redis can be trusted, and stops the epoch's scripts there. */
export class EpochFence {
  readonly #deps: EpochFenceDependencies;
  constructor(deps: EpochFenceDependencies) {
    this.#deps = deps;
  }

  /** Whether this is the server of the epoch, or one that cannot have lost anything that a pod has acknowledged. */
  async isProven(authority: Authority, facts: ServerFacts): Promise<boolean> {
    if (facts.role !== 'master') return this.#refuse('this Redis is a replica');
    if (facts.replid === authority.replid) return true;
    const fit = unfitness(facts).length === 0;
    if (fit && authority.redisNode && provableNode(facts) === authority.redisNode) return true;
    if (authority.cacheEpoch !== null && (await this.#deps.authority.allHandedOver(authority.cacheEpoch))) return true;
    return this.#refuse("nothing proves that this is the epoch's Redis, and not every pod has handed over");
  }

  /**
   * Raises the fence, and then makes sure that the epoch's journal is there and complete: scripts of the epoch may
   * still run until the fence is up. @returns the identity with which the fenced journal is read; null, with a
   * complaint, if the journal cannot be trusted
   */
  async raise(authority: Authority, facts: ServerFacts): Promise<KeeperCaller | null> {
    const { cache, ownership } = this.#deps;
    const { cacheEpoch: epoch, cacheFormat: format } = authority;
    if (epoch === null || format === null) return null;
    await ownership.claim(authority, facts.replid);
    const fence = await cache.fence(authority.epoch, facts.replid);
    if (fence !== authority.epoch) return this.#complain(`the fence of this Redis is at ${fence}`);
    const caller: KeeperCaller = { fenceEpoch: authority.epoch, epoch, format, replid: facts.replid };
    const found = await cache.journal(caller, NO_ENTRIES_AFTER, 1).catch(refusal);
    if (found instanceof CacheError || found.marker !== authority.marker) {
      return this.#complain('this Redis does not have the marker of the epoch');
    }
    const [cursor, observed] = await Promise.all([
      this.#deps.authority.cursor(),
      this.#deps.authority.observedIn(epoch),
    ]);
    if (found.head.seq < Math.max(cursor.seq, observed, authority.highestKnownSeq ?? 0)) {
      return this.#complain('this Redis is behind MySQL, or behind what its pods have seen');
    }
    return caller;
  }

  #complain(complaint: string): null {
    this.#deps.complaints.add(complaint);
    return null;
  }
  #refuse(complaint: string): false {
    this.#deps.complaints.add(complaint);
    return false;
  }
}

/** Returns a refusal by the prologue as an answer; throws any other error. */
export function refusal(error: unknown): CacheError {
  if (error instanceof CacheError && error.kind === 'refused') return error;
  throw error;
}
