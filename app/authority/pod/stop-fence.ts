import type { Authority } from '../../domain/authority.ts';
import type { CacheServer } from '../../journal/cache-port.ts';
import type { EpochView } from '../../ledger/epoch/epoch-view.ts';

interface StopFenceDependencies {
  cache: Pick<CacheServer, 'register'>;
  suspect(error: unknown, view: EpochView): void;
}

/**
 * Copies the operators' stops and releases of the ledger from MySQL to Redis, where the scripts obey them. The pod that
 * gets the operator's request does so immediately; every other pod does so when it next reads the authority, in case
 * the first one crashed in between. Copying them means registering the pod again, which changes nothing else.
 */
export class StopFence {
  readonly #deps: StopFenceDependencies;
  /** The number of stops and releases that this pod knows to be in Redis, for one registration. */
  #confirmed: { view: EpochView; stops: number } | null = null;
  #underWay: Promise<boolean> | null = null;

  constructor(deps: StopFenceDependencies) {
    this.#deps = deps;
  }

  /** @returns whether Redis obeys the stops of this authority; false if the call failed, or if the view is of another epoch */
  async bring({ mode, epoch, marker, stops }: Authority, view: EpochView | null): Promise<boolean> {
    if (mode !== 'CACHE' || marker === null || view?.caller.epoch !== epoch) return false;
    const confirmed = this.#confirmed?.view === view ? this.#confirmed.stops : 0;
    if (confirmed >= stops) return true;
    try {
      await this.#deps.cache.register(view.caller, marker, stops);
      this.#confirmed = { view, stops: Math.max(confirmed, stops) };
      return true;
    } catch (error) {
      this.#deps.suspect(error, view);
      return false;
    }
  }

  /** Does the same in the background, one call at a time: a Redis that hangs must not delay the caller. */
  follow(authority: Authority, view: EpochView | null): void {
    this.#underWay ??= this.bring(authority, view).finally(() => {
      this.#underWay = null;
    });
  }
}
