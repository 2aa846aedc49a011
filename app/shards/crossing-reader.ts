import { TransferPending } from '../domain/crossing.ts';
import { Problem } from '../domain/problem.ts';
import type { Outcome, Posted } from '../domain/types.ts';
import type { CrossingClosing, CrossingStore } from '../ledger/ports/crossings.ts';
import type { LookUpBy } from '../ledger/ports/ledger.ts';
import { postedOutcome, refusedOutcome, returnedOutcome } from './crossing-outcome.ts';
import type { Legs } from './legs.ts';
import type { ShardMap } from './shard.ts';

interface ReaderDependencies {
  shards: ShardMap<{ crossings: Pick<CrossingStore, 'closed'> }>;
  legs: Legs;
}

/** Determines the outcome of a transfer between two shards from the outcomes of its legs, beginning with the first one. */
export class CrossingReader {
  readonly #deps: ReaderDependencies;

  constructor(deps: ReaderDependencies) {
    this.#deps = deps;
  }

  /**
   * @param found the outcome of a transaction id in shard `from`: any transfer, or the first leg of a crossing
   * @param by how its destination is queried
   * @throws TransferPending if its destination has not decided yet; Problem if that cannot be determined in the shard of the
   * destination
   */
  async outcomeOf(found: Outcome, from: number, by: Pick<LookUpBy, 'held'> = {}): Promise<Outcome> {
    const { leg } = found.order;
    if (!leg) return found;
    if (found.status === 'REJECTED') return refusedOutcome(found);
    const closing = found.persisted ? await this.#closing(found, from) : null;
    if (closing?.state === 'DONE') {
      const { balance, version } = closing;
      return postedOutcome(found, { balance, version, settingsVersion: 0 }, true);
    }
    if (closing?.because) return returnedOutcome(found, closing.because);
    const into = await this.#deps.legs.find('in', { order: found.order, from, to: leg.otherShard }, by);
    if (into?.status === 'POSTED') return postedOutcome(found, into.destination, into.persisted);
    // Before MySQL has the refusal, an operator could still accept its loss, and the transfer could be posted.
    if (into?.persisted) return returnedOutcome(found, into);
    throw new TransferPending(found);
  }

  /**
   * How the crossing ended; null if it is open, or if the MySQL of its source is unavailable, so that only the destination can
   * show it.
   */
  async #closing({ order }: Posted, from: number): Promise<CrossingClosing | null> {
    try {
      const [closing = null] = await this.#deps.shards.at(from).crossings.closed([order.transactionId]);
      return closing;
    } catch (error) {
      if (error instanceof Problem) return null;
      throw error;
    }
  }
}
