import type { GroupOrder, GroupOutcome } from '../../domain/group.ts';
import { Problem } from '../../domain/problem.ts';
import { groupOutcomeOf } from '../../journal/group-codec.ts';
import { retried } from '../../kernel/retry.ts';
import { TurnBatches } from '../../kernel/turn-batches.ts';
import type { EpochView } from '../epoch/epoch-view.ts';
import { DATABASE_RETRY, type LedgerDatabase } from '../ports/ledger-database.ts';
import { entriesInCache, isNowhere, type OutcomeFinderDependencies } from './outcome-finder.ts';

const LOOKUPS_IN_FLIGHT_MAX = 2;
const LOOKUP_BATCH_MAX = 500;
const WAITING_MAX = 20_000;

export type GroupLookUp = Awaited<ReturnType<LedgerDatabase['findGroups']>>;
/** A group's id, and its members' ids unless only the outcome of the group is wanted. */
interface Wanted {
  groupId: string;
  transactionIds: readonly string[];
}
interface Asked {
  wanted: readonly Wanted[];
  settle(found: GroupLookUp | Problem): void;
}

export const wantedOf = ({ groupId, orders }: GroupOrder): Wanted => ({
  groupId,
  transactionIds: orders.map(({ transactionId }) => transactionId),
});

/** Finds the outcome of a group id: in the cache's journal while it is there, otherwise in MySQL. */
export class GroupFinder {
  readonly #deps: OutcomeFinderDependencies;
  readonly #asked: TurnBatches<Asked>;

  constructor(deps: OutcomeFinderDependencies) {
    this.#deps = deps;
    this.#asked = new TurnBatches({
      clock: deps.clock,
      batchesInFlightMax: LOOKUPS_IN_FLIGHT_MAX,
      batchWeightMax: LOOKUP_BATCH_MAX,
      weightOf: ({ wanted }) => weightOf(wanted),
      work: (batch) => this.#read(batch),
    });
  }

  /** The outcome per group; null if no store has one; a Problem if that cannot be determined now. */
  async find(groupIds: readonly string[]): Promise<(GroupOutcome | Problem | null)[]> {
    const { session } = this.#deps;
    const view = session.view();
    const inCache = view ? await this.#inCache(view, groupIds) : null;
    const rest = groupIds.filter((id) => !inCache?.has(id));
    if (rest.length === 0) return groupIds.map((id) => inCache?.get(id) ?? null);
    const inDatabase = await this.inDatabase(rest.map((groupId) => ({ groupId, transactionIds: [] })));
    return groupIds.map((id) => {
      const cached = inCache?.get(id);
      if (cached) return cached;
      if (inDatabase instanceof Problem) return inDatabase;
      const stored = inDatabase.groups.get(id);
      if (stored) return stored;
      if (inDatabase.unsettled.has(`+${id}`))
        return new Problem('account_unsettled', `group ${id} waits for the journal`);
      const asked = inCache && view && view === session.view() ? view.caller.epoch : null;
      if (isNowhere(inDatabase.authority, asked)) return null;
      return new Problem(session.holdReason(), 'the outcome cannot be looked up at the moment');
    });
  }

  /** Looks groups up in MySQL, and whether their members' ids are taken there; concurrent lookups share one read. */
  inDatabase(wanted: readonly Wanted[]): Promise<GroupLookUp | Problem> {
    if (this.#asked.weight + weightOf(wanted) > WAITING_MAX) {
      return Promise.resolve(new Problem('overloaded', 'too many ids are waiting to be looked up'));
    }
    return new Promise((settle) => this.#asked.add({ wanted, settle }));
  }

  async #read(batch: readonly Asked[]): Promise<void> {
    const all = batch.flatMap(({ wanted }) => wanted);
    const groupIds = [...new Set(all.map(({ groupId }) => groupId))];
    const transactionIds = [...new Set(all.flatMap((one) => one.transactionIds))];
    let found: GroupLookUp | Problem;
    try {
      found = await retried({ ...DATABASE_RETRY, clock: this.#deps.clock }, () =>
        this.#deps.database.findGroups(groupIds, transactionIds),
      );
    } catch (error) {
      found =
        error instanceof Problem
          ? error
          : new Problem('internal_error', 'groups could not be looked up', {}, { cause: error });
    }
    for (const { settle } of batch) settle(found);
  }

  /** Outcomes that are still in the cache's journal; null if the cache could not be read. */
  async #inCache(view: EpochView, groupIds: readonly string[]): Promise<Map<string, GroupOutcome> | null> {
    const entries = await entriesInCache(
      this.#deps,
      view,
      groupIds.map((id) => `+${id}`),
    );
    if (entries === null) return null;
    const found = new Map<string, GroupOutcome>();
    for (const entry of entries) {
      if (entry.kind !== 'group') continue;
      const outcome = groupOutcomeOf(entry, view.caller.epoch);
      found.set(outcome.group.groupId, { ...outcome, persisted: outcome.seq <= view.cursor });
    }
    return found;
  }
}

const weightOf = (wanted: readonly Wanted[]): number =>
  wanted.reduce((sum, { transactionIds }) => sum + 1 + transactionIds.length, 0);
