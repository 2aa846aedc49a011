import { persistedAs } from '../../domain/content.ts';
import { type GroupOutcome, groupPersistedAs, lastSeqOfGroup } from '../../domain/group.ts';
import { Problem } from '../../domain/problem.ts';
import type { Outcome } from '../../domain/types.ts';
import type { CacheServer } from '../../journal/cache-port.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { EpochView, Session } from '../epoch/epoch-view.ts';
import type { GroupFinder } from './group-finder.ts';
import type { OutcomeFinder } from './outcome-finder.ts';

const POLL_MS = 15;
/** Looking ids up in MySQL costs more than reading the cursor from Redis. */
const LOOK_UP_EVERY_MS = 100;
/**
 * The transfer queue does not limit requests that only repeat posted transfers, and each of them can wait for a
 * thousand transfers.
 */
const WAITERS_MAX = 50_000;

type Answer = Outcome | GroupOutcome;
interface Waiter {
  outcome: Answer;
  deadline: number;
  settle(answer: Answer | Problem): void;
}

interface PersistenceWatchDependencies {
  cache: CacheServer;
  session: Session;
  finder: OutcomeFinder;
  groupFinder: GroupFinder;
  clock: Clock;
}

/**
 * Answers requests that wait until their transfer is in MySQL: when the published cursor has passed it, or, if its
 * epoch has ended, when MySQL has an outcome under its id. Every reply contains the cursor; if there are no other
 * calls, this class reads it.
 */
export class PersistenceWatch {
  readonly #deps: PersistenceWatchDependencies;
  #waiters = new Set<Waiter>();
  #polling = false;
  #lookedUpAt = Number.NEGATIVE_INFINITY;

  constructor(deps: PersistenceWatchDependencies) {
    this.#deps = deps;
  }

  /** @param deadline when to give up, on the monotonic clock, ms */
  async wait<O extends Answer>(answer: O | Problem, deadline: number): Promise<O | Problem> {
    if (answer instanceof Problem || answer.persisted) return answer;
    if (this.#waiters.size >= WAITERS_MAX)
      return new Problem('outcome_unknown', 'Too many transfers are waiting to be persisted.', idOf(answer));
    return new Promise((resolve) => {
      // A waiter is resolved with an outcome of its own kind.
      const settle = resolve as (answer: Answer | Problem) => void;
      this.#waiters.add({ outcome: answer, deadline, settle });
      if (!this.#polling) void this.#poll();
    });
  }

  async #poll(): Promise<void> {
    const { clock, session } = this.#deps;
    this.#polling = true;
    while (this.#waiters.size > 0) {
      const view = session.view();
      if (view) this.#settlePersisted(view);
      await this.#lookUpOthers(view);
      if (this.#waiters.size === 0) break;
      await clock.sleep(POLL_MS);
      this.#expire();
      if (view && session.view() === view) await this.#askForCursor(view);
    }
    this.#polling = false;
  }

  async #askForCursor(view: EpochView): Promise<void> {
    const { cache, session } = this.#deps;
    try {
      view.observe((await cache.read(view.caller, [])).head);
    } catch (error) {
      session.suspect(error, view);
    }
  }

  #settlePersisted(view: EpochView): void {
    for (const waiter of this.#waiters) {
      const { outcome } = waiter;
      if (outcome.epoch === view.caller.epoch && lastSeqOf(outcome) <= view.cursor)
        this.#settle(waiter, { ...outcome, persisted: true });
    }
  }

  /** Transfers of an epoch that this pod has left: they are looked up by id, because its cursor no longer advances. */
  async #lookUpOthers(view: EpochView | null): Promise<void> {
    const { clock } = this.#deps;
    if (clock.monotonic() - this.#lookedUpAt < LOOK_UP_EVERY_MS) return;
    const others = [...this.#waiters].filter(({ outcome }) => outcome.epoch !== view?.caller.epoch);
    if (others.length === 0) return;
    this.#lookedUpAt = clock.monotonic();
    await Promise.all([this.#lookUpTransfers(others), this.#lookUpGroups(others)]);
  }

  async #lookUpTransfers(waiters: readonly Waiter[]): Promise<void> {
    const ids = waiters.flatMap(({ outcome }) => ('order' in outcome ? [outcome.order.transactionId] : []));
    if (ids.length === 0) return;
    const found = await this.#deps.finder.inDatabase(ids);
    if (found instanceof Problem) return;
    for (const waiter of waiters) {
      const { outcome } = waiter;
      const stored = 'order' in outcome && found.outcomes.get(outcome.order.transactionId);
      if (stored) this.#settle(waiter, persistedAs(outcome, stored));
    }
  }

  async #lookUpGroups(waiters: readonly Waiter[]): Promise<void> {
    const ids = waiters.flatMap(({ outcome }) => ('group' in outcome ? [outcome.group.groupId] : []));
    if (ids.length === 0) return;
    const found = await this.#deps.groupFinder.inDatabase(ids.map((groupId) => ({ groupId, transactionIds: [] })));
    if (found instanceof Problem) return;
    for (const waiter of waiters) {
      const { outcome } = waiter;
      const stored = 'group' in outcome && found.groups.get(outcome.group.groupId);
      if (stored) this.#settle(waiter, groupPersistedAs(outcome, stored));
    }
  }

  #expire(): void {
    const now = this.#deps.clock.monotonic();
    for (const waiter of this.#waiters) {
      if (waiter.deadline > now) continue;
      const ids = idOf(waiter.outcome);
      const what = ids.groupId === undefined ? `transaction ${ids.transactionId}` : `group ${ids.groupId}`;
      this.#settle(waiter, new Problem('outcome_unknown', `${what} was not persisted in time`, ids));
    }
  }

  #settle(waiter: Waiter, answer: Answer | Problem): void {
    this.#waiters.delete(waiter);
    waiter.settle(answer);
  }
}

const lastSeqOf = (outcome: Answer): number => ('group' in outcome ? lastSeqOfGroup(outcome) : outcome.seq);

/** The id by which a client can look the outcome up. */
const idOf = (outcome: Answer): { transactionId?: string; groupId?: string } =>
  'group' in outcome ? { groupId: outcome.group.groupId } : { transactionId: outcome.order.transactionId };
