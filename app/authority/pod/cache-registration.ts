import type { Authority } from '../../domain/authority.ts';
import { Problem } from '../../domain/problem.ts';
import { CacheError, type CacheServer } from '../../journal/cache-port.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Logger } from '../../kernel/log.ts';
import type { EpochView } from '../../ledger/epoch/epoch-view.ts';
import type { PodAuthority } from '../authority-ports.ts';
import { EpochMembership, type RetireId } from './epoch-membership.ts';
import type { SessionFacts } from './session-decision.ts';

interface CacheRegistrationDependencies {
  authority: PodAuthority;
  cache: CacheServer;
  retire: RetireId;
  clock: Clock;
  logger: Logger;
  newPodId(): string;
  stopped: AbortSignal;
  /** Decides what follows from the result of a call, and changes the state in the same synchronous step. */
  step(facts: SessionFacts): Promise<void>;
  suspect(error: unknown, view: EpochView): void;
}

/** The id of a pod, its membership in the epoch of the cache, and the calls to Redis that concern either of them. */
export class CacheRegistration {
  readonly #deps: CacheRegistrationDependencies;
  #podId: string;
  #membership: EpochMembership | null = null;
  #observedAt = Number.NEGATIVE_INFINITY;
  #call: Promise<void> | null = null;

  constructor(deps: CacheRegistrationDependencies) {
    this.#deps = deps;
    this.#podId = deps.newPodId();
  }

  get podId(): string {
    return this.#podId;
  }
  /** Membership in the epoch that this process has tried to join, until it leaves that epoch. */
  get membership(): EpochMembership | null {
    return this.#membership;
  }
  /** When Redis last answered an observation, on the monotonic clock. */
  get observedAt(): number {
    return this.#observedAt;
  }
  /** The call to Redis that is under way, if there is one. */
  get call(): Promise<void> | null {
    return this.#call;
  }

  /** A pod id is used in one epoch only, and never again once it has been retired. */
  renewId(): void {
    this.#podId = this.#deps.newPodId();
  }
  /** Returns to the id that is registered in Redis. */
  keepId(): void {
    this.#podId = this.#membership?.view?.caller.podId ?? this.#podId;
  }

  /** Leaves the epoch, and returns what is known about it. The next epoch is joined under a new id. */
  leave(): EpochMembership | null {
    const membership = this.#membership;
    if (!membership) return null;
    this.#membership = null;
    this.renewId();
    return membership;
  }

  join(authority: Authority | null): Promise<void> {
    return this.#callRedis(() => this.#join(authority));
  }
  /** Joins the epoch again under a new id: attempts under the earlier ids can then no longer run. */
  rejoin(authority: Authority | null): Promise<void> {
    this.#membership?.renewed(this.#deps.clock.monotonic());
    this.renewId();
    return this.join(authority);
  }
  /**
   * Asks Redis for the last seq of the journal and of the flush. The answer also shows whether Redis still serves this
   * epoch.
   */
  observe(): Promise<void> {
    return this.#callRedis(() => this.#observe());
  }

  /** Runs outside the loop: a Redis that hangs must not keep the pod from learning that its epoch has ended. */
  #callRedis(call: () => Promise<void>): Promise<void> {
    const underWay = call().finally(() => {
      this.#call = null;
    });
    this.#call = underWay;
    return underWay;
  }

  async #join(now: Authority | null): Promise<void> {
    const { logger, retire, step, stopped } = this.#deps;
    if (now?.replid == null || now.marker === null) return;
    const caller = { epoch: now.epoch, format: now.format, replid: now.replid, podId: this.#podId };
    this.#membership ??= new EpochMembership(now.epoch, retire);
    const membership = this.#membership;
    const isOver = () => stopped.aborted || this.#membership !== membership || this.#podId !== caller.podId;
    try {
      if (!(await membership.join(caller, { marker: now.marker, stops: now.stops }, this.#deps, isOver)) || isOver())
        return;
    } catch (error) {
      if (isOver()) return;
      if (!(error instanceof CacheError || error instanceof Problem)) {
        logger.error({ err: error }, 'the pod could not be registered');
      }
      const worksAs = membership.view?.caller.podId ?? caller.podId;
      const retired = error instanceof CacheError && error.reason === 'retired';
      return step({ event: 'joinFailed', retired, worksUnderEarlierId: worksAs !== caller.podId });
    }
    return step({ event: 'joined' });
  }

  async #observe(): Promise<void> {
    const membership = this.#membership;
    const view = membership?.view;
    if (!membership || !view) return;
    try {
      view.observe((await this.#deps.cache.read(view.caller, [])).head);
      this.#observedAt = this.#deps.clock.monotonic();
      membership.endAttemptsOfRetiredIds(view);
    } catch (error) {
      this.#deps.suspect(error, view);
    }
  }
}
