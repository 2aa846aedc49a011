import { persistedAs } from '../../domain/content.ts';
import { type GroupOutcome, groupPersistedAs, lastSeqOfGroup } from '../../domain/group.ts';
import { type HoldOutcome, holdPersistedAs } from '../../domain/hold-events.ts';
import { Problem } from '../../domain/problem.ts';
import type { Outcome } from '../../domain/types.ts';
import type { CacheServer } from '../../journal/cache-port.ts';
import { keyOfEvent } from '../../journal/hold-codec.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { EpochView, Session } from '../epoch/epoch-view.ts';
import type { Finder, LookUp } from './finder.ts';
import type { Finders } from './finders.ts';

const POLL_MS = 15;
/** Ids are looked up less often than the cursor is read, because a lookup in MySQL costs more than reading Redis. */
const LOOK_UP_EVERY_MS = 100;
/**
 * This limit is needed because the transfer queue does not limit requests that only repeat posted transfers,
 * and each of them can wait for a thousand transfers.
 */
const WAITERS_MAX = 50_000;

type Answer = Outcome | GroupOutcome | HoldOutcome;
interface Waiter {
  outcome: Answer;
  deadline: number;
  settle(answer: Answer | Problem): void;
}

interface PersistenceWatchDependencies {
  cache: CacheServer;
  session: Session;
  finders: Finders;
  clock: Clock;
}

/**
 * Answers requests that wait until their transfer is in MySQL: when the published cursor has passed it, or, if its
 * epoch has ended, when MySQL has an outcome under its id. Every reply contains the cursor; if there are no other
 * calls, this class reads it.
 */
export class PersistenceWatch {
  readonly #deps: PersistenceWatchDependencies;
  readonly #kinds: readonly WatchedKind[];
  #waiters = new Set<Waiter>();
  #polling = false;
  #lookedUpAt = Number.NEGATIVE_INFINITY;

  constructor(deps: PersistenceWatchDependencies) {
    this.#deps = deps;
    this.#kinds = [
      kindOf(deps.finders.transfers, {
        has: (outcome) => 'order' in outcome,
        idOf: ({ order }) => order.transactionId,
        persistedAs,
      }),
      kindOf(deps.finders.groups, {
        has: (outcome) => 'group' in outcome,
        idOf: ({ group }) => group.groupId,
        persistedAs: groupPersistedAs,
      }),
      kindOf(deps.finders.holds, {
        has: (outcome) => 'event' in outcome,
        idOf: ({ event }) => keyOfEvent(event),
        persistedAs: holdPersistedAs,
      }),
    ];
  }

  /** @param deadline when to give up, on the monotonic clock, ms */
  async wait<O extends Answer>(answer: O | Problem, deadline: number): Promise<O | Problem> {
    if (answer instanceof Problem || answer.persisted) return answer;
    if (this.#waiters.size >= WAITERS_MAX)
      return new Problem('outcome_unknown', 'Too many transfers are waiting to be persisted.', extrasOf(answer));
    return new Promise((resolve) => {
      // A waiter is resolved with an outcome of the kind that it waits for.
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

  /**
   * Transfers of an epoch that this pod has left are looked up by id, because the cursor of that epoch no longer
   * advances.
   */
  async #lookUpOthers(view: EpochView | null): Promise<void> {
    const { clock } = this.#deps;
    if (clock.monotonic() - this.#lookedUpAt < LOOK_UP_EVERY_MS) return;
    const others = [...this.#waiters].filter(({ outcome }) => outcome.epoch !== view?.caller.epoch);
    if (others.length === 0) return;
    this.#lookedUpAt = clock.monotonic();
    await Promise.all(this.#kinds.map((kind) => this.#lookUp(kind, others)));
  }

  async #lookUp({ has, idOf, inDatabase, persistedAs }: WatchedKind, all: readonly Waiter[]): Promise<void> {
    const waiters = all.filter(({ outcome }) => has(outcome));
    if (waiters.length === 0) return;
    const found = await inDatabase(waiters.map(({ outcome }) => idOf(outcome)));
    if (found instanceof Problem) return;
    for (const waiter of waiters) {
      const stored = found.outcomes.get(idOf(waiter.outcome));
      if (stored) this.#settle(waiter, persistedAs(waiter.outcome, stored));
    }
  }

  #expire(): void {
    const now = this.#deps.clock.monotonic();
    for (const waiter of this.#waiters) {
      if (waiter.deadline > now) continue;
      const ids = extrasOf(waiter.outcome);
      const [name, id] = Object.entries(ids)[0] ?? [];
      this.#settle(
        waiter,
        new Problem('outcome_unknown', `${name?.replace('Id', '')} ${id} was not persisted in time`, ids),
      );
    }
  }

  #settle(waiter: Waiter, answer: Answer | Problem): void {
    this.#waiters.delete(waiter);
    waiter.settle(answer);
  }
}

const lastSeqOf = (outcome: Answer): number => ('group' in outcome ? lastSeqOfGroup(outcome) : outcome.seq);

/** The id by which a client can look the outcome up. */
function extrasOf(outcome: Answer): { transactionId?: string; groupId?: string; holdId?: string } {
  if ('event' in outcome) return { holdId: outcome.event.holdId };
  return 'group' in outcome ? { groupId: outcome.group.groupId } : { transactionId: outcome.order.transactionId };
}

/** How outcomes of one kind are looked up. */
interface WatchedKind {
  has(outcome: Answer): boolean;
  idOf(outcome: Answer): string;
  inDatabase(ids: readonly string[]): Promise<LookUp<Answer> | Problem>;
  persistedAs(received: Answer, stored: Answer): Answer | Problem;
}

/** Outcomes are compared only with outcomes of the same kind. */
function kindOf<O extends Answer, W>(
  finder: Pick<Finder<O, W>, 'inDatabase' | 'wantedOf'>,
  kind: {
    has(outcome: Answer): outcome is O;
    idOf(outcome: O): string;
    persistedAs(received: O, stored: O): O | Problem;
  },
): WatchedKind {
  return {
    has: kind.has,
    idOf: (outcome) => kind.idOf(outcome as O),
    inDatabase: (ids) => finder.inDatabase(ids.map((id) => finder.wantedOf(id))),
    persistedAs: (received, stored) => kind.persistedAs(received as O, stored as O),
  };
}
