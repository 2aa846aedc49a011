import type { PodRow } from '../../domain/authority.ts';
import type { CacheKeeper, KeeperCaller } from '../../journal/cache-port.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Logger } from '../../kernel/log.ts';

interface RetirementDependencies {
  pods(): Promise<PodRow[]>;
  markRetired(podId: string, seq: number): Promise<void>;
  removePod(podId: string): Promise<void>;
  cache: CacheKeeper;
  clock: Clock;
  logger: Logger;
  retireAfterMs: number;
}

/**
 * Retires pods that have gone silent: makes Redis refuse them permanently, and deletes their registrations once MySQL
 * has everything that they may have received. So only a pod that died just before Redis did can delay a switch.
 *
 * A keeper counts only silence that it has observed without interruption: while MySQL was down, no heartbeat could
 * arrive.
 */
export class Retirement {
  readonly #deps: RetirementDependencies;
  readonly #silentSince = new Map<string, number>();
  #lastRoundAt = Number.NEGATIVE_INFINITY;

  constructor(deps: RetirementDependencies) {
    this.#deps = deps;
  }

  /** @throws when a store is unavailable */
  async round(caller: KeeperCaller, cursor: number): Promise<void> {
    const { clock, retireAfterMs } = this.#deps;
    const now = clock.monotonic();
    if (now - this.#lastRoundAt > retireAfterMs / 2) this.#silentSince.clear();
    const pods = await this.#deps.pods();
    this.#lastRoundAt = now;
    for (const podId of this.#silentSince.keys()) {
      if (!pods.some((pod) => pod.podId === podId)) this.#silentSince.delete(podId);
    }
    for (const pod of pods) {
      if (pod.epoch !== caller.epoch) continue;
      if (pod.retiredSeq !== null) {
        if (cursor >= pod.retiredSeq) await this.#deps.removePod(pod.podId);
      } else if (this.#isSilent(pod, now)) {
        await this.#retire(caller, pod);
      }
    }
  }

  #isSilent(pod: PodRow, now: number): boolean {
    const { retireAfterMs } = this.#deps;
    if (pod.silentMs < retireAfterMs) {
      this.#silentSince.delete(pod.podId);
      return false;
    }
    const since = this.#silentSince.get(pod.podId) ?? now;
    this.#silentSince.set(pod.podId, since);
    return now - since >= retireAfterMs / 2;
  }

  async #retire(caller: KeeperCaller, pod: PodRow): Promise<void> {
    const head = await this.#deps.cache.retire(caller, pod.podId);
    await this.#deps.markRetired(pod.podId, head.seq);
    this.#deps.logger.warn({ podId: pod.podId, seq: head.seq }, 'a silent pod was retired');
  }
}
