import type { CacheServer, Caller, KeeperCaller } from '../../journal/cache-port.ts';
import type { Head } from '../../journal/codec.ts';
import { EpochView } from '../../ledger/epoch/epoch-view.ts';
import type { PodAuthority } from '../authority-ports.ts';

/**
 * Marks a pod id as retired in Redis, so that no script runs under it again. @returns the journal's head at that moment
 */
export type RetireId = (caller: KeeperCaller, podId: string) => Promise<Head>;

interface Stores {
  authority: Pick<PodAuthority, 'register'>;
  cache: Pick<CacheServer, 'register'>;
}

/**
 * The membership of one process in one epoch of the cache: the pod ids that it tried to register, and what it knows.
 */
export class EpochMembership {
  readonly epoch: number;
  readonly #retireId: RetireId;
  /** Every id that MySQL may have registered in this epoch. */
  readonly #podIds = new Set<string>();
  /** The ids that MySQL has confirmed as registered. */
  readonly #registered = new Set<string>();
  /** Ids under which no script runs anymore, and the last seq that each of them can have written. */
  readonly #retired = new Map<string, number>();
  #view: EpochView | null = null;
  #renewedAt = Number.NEGATIVE_INFINITY;

  constructor(epoch: number, retireId: RetireId) {
    this.epoch = epoch;
    this.#retireId = retireId;
  }

  get podIds(): readonly string[] {
    return [...this.#podIds];
  }
  /** Null until Redis has accepted a registration. */
  get view(): EpochView | null {
    return this.#view;
  }

  /** The part of a heartbeat that concerns this id; null until MySQL has registered it. */
  registrationOf(podId: string): { podId: string; observed: number } | null {
    return this.#registered.has(podId) ? { podId, observed: this.#view?.observed ?? 0 } : null;
  }

  /**
   * Registers in MySQL, then in Redis, and retires the earlier ids of this process there. What the process knows of the
   * epoch is kept under the new id. `marker` and `stops` are those of the authority.
   * @param isOver whether the session has left this epoch, or this id, in the meantime
   * @returns false if MySQL refused because the epoch has ended, or if `isOver` returned true. The caller must call
   * `isOver` once more in the same synchronous step in which the session opens, because microtasks can run between the
   * end of this function and that step.
   * @throws CacheError, Problem
   */
  async join(
    caller: Caller,
    { marker, stops }: { marker: string; stops: number },
    { authority, cache }: Stores,
    isOver: () => boolean,
  ): Promise<boolean> {
    const { podId } = caller;
    this.#podIds.add(podId);
    if (!this.#registered.has(podId) && !(await authority.register(podId, this.epoch))) return false;
    if (isOver()) return false;
    this.#registered.add(podId);
    const head = await cache.register(caller, marker, stops);
    if (isOver()) return false;
    if (!this.#view) this.#view = new EpochView(caller);
    else if (this.#view.caller.podId !== podId) this.#view = this.#view.renewed(podId);
    this.#view.observe(head);
    await this.#retireEarlierIds(this.#view);
    return true;
  }

  /**
   * Whether an attempt has been in doubt for `ms`, counted from when it was left in doubt or from when the process last
   * took a new id, whichever is later.
   */
  isInDoubtFor(ms: number, nowMs: number): boolean {
    const since = this.#view?.inDoubt.oldestSinceMs ?? null;
    return since !== null && nowMs - Math.max(since, this.#renewedAt) >= ms;
  }
  renewed(nowMs: number): void {
    this.#renewedAt = nowMs;
  }

  /** Attempts under the earlier ids cannot run after this; what they did is in MySQL once the cursor is at their last seq. */
  async #retireEarlierIds(view: EpochView): Promise<void> {
    const { epoch, format, replid, podId } = view.caller;
    for (const earlier of this.#podIds) {
      if (earlier === podId || this.#retired.has(earlier)) continue;
      const head = await this.#retireId({ fenceEpoch: epoch, epoch, format, replid }, earlier);
      this.#retired.set(earlier, head.seq);
    }
    this.endAttemptsOfRetiredIds(view);
  }

  endAttemptsOfRetiredIds(view: EpochView): void {
    if (view.inDoubt.size === 0) return;
    for (const [podId, seq] of this.#retired) view.inDoubt.endAt(podId, seq);
    view.inDoubt.advance(view.cursor);
  }

  /**
   * Ensures that Redis runs nothing more under any id of this process, and then removes the registrations.
   * @returns false if a store did not confirm this; what this pod knows must then be handed over
   */
  async returnRegistrations(authority: Pick<PodAuthority, 'removePod'>): Promise<boolean> {
    try {
      const caller = this.#view?.caller;
      if (caller)
        for (const podId of this.#podIds) await this.#retireId({ ...caller, fenceEpoch: caller.epoch }, podId);
      for (const podId of this.#podIds) await authority.removePod(podId);
      return true;
    } catch {
      return false;
    }
  }
}
