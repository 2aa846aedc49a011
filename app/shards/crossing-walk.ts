import { clientOrderOf, inOrder } from '../domain/crossing.ts';
import type { LegName, LegVerdict } from '../domain/leg-types.ts';
import { Problem } from '../domain/problem.ts';
import type { Durability, Outcome, Posted } from '../domain/types.ts';
import type { Clock } from '../kernel/clock.ts';
import { type Books, type Ledger, windowsIn } from '../ledger/ports/ledger.ts';
import { type CrossingEnd, type CrossingFacts, nextStep } from './crossing-decision.ts';
import { type CrossingEvents, isUnexpected } from './crossing-events.ts';
import { postedOutcome, refusedOutcome, returnedOutcome } from './crossing-outcome.ts';
import { type Crossing, isTransitUnavailable, type Legs, legStateOf } from './legs.ts';
import type { ShardMap } from './shard.ts';
import type { TransitAccounts } from './transit-accounts.ts';

/** Interval at which the preview at the destination is repeated while the authority of its shard moves, ms. */
const HELD_LOOK_MS = 50;
/** At the end of a move, a preview may wrongly report accounts as unsettled. */
const UNSETTLED_LOOKS_MAX = 3;
/** More steps than any crossing needs, even if the state of its legs changes in the meantime. */
const STEPS_MAX = 20;

interface WalkDependencies {
  shards: ShardMap<{
    ledger: Pick<Ledger, 'apply' | 'outcome' | 'preview'>;
    books: Pick<Books, 'openAccounts' | 'businessWindows'>;
    isDatabaseAway(): boolean;
  }>;
  legs: Legs;
  transits: TransitAccounts;
  clock: Clock;
  events: CrossingEvents;
  /** Whether too many crossings toward a shard are open for another one to begin. */
  isFull(to: number): boolean;
  requestTimeoutMs: number;
}

/** The state of a crossing as far as one request knows it. */
interface Walk extends Crossing {
  durability: Durability;
  /** On the monotonic clock, ms. */
  deadline: number;
  refusal: LegVerdict | null;
  /** True from the moment at which `out` may have been committed. */
  mayHaveLeft: boolean;
  legs: Partial<Record<LegName, Outcome | null>>;
}

/**
 * Executes a transfer between two shards for the request of a client: previews it at the destination, and then takes the steps
 * that `nextStep` decides, until the transfer has ended. If the request is interrupted, a courier or the client's retry takes
 * the same steps.
 */
export class CrossingWalk {
  readonly #deps: WalkDependencies;

  constructor(deps: WalkDependencies) {
    this.#deps = deps;
  }

  /** Returns a Problem instead of throwing it. */
  async cross(crossing: Crossing, durability: Durability): Promise<Outcome | Problem> {
    const { clock, requestTimeoutMs } = this.#deps;
    const deadline = clock.monotonic() + requestTimeoutMs;
    const walk: Walk = { ...crossing, durability, deadline, refusal: null, mayHaveLeft: false, legs: {} };
    let cancel = () => {};
    const timeOut = new Promise<Problem>((resolve) => {
      // A leg in flight is not aborted: it ends at its own deadline in its shard.
      cancel = clock.after(requestTimeoutMs, () => resolve(tooLate(walk)));
    });
    try {
      return await Promise.race([this.#walk(walk), timeOut]);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      return walk.mayHaveLeft ? unknown(walk) : error;
    } finally {
      cancel();
    }
  }

  async #walk(walk: Walk): Promise<Outcome | Problem> {
    const { shards, isFull, events } = this.#deps;
    const { from, to } = walk;
    if (shards.at(from).isDatabaseAway())
      throw new Problem('database_unavailable', 'transfers to other shards wait for MySQL, which is unavailable');
    if (isFull(to)) throw new Problem('backlog_full', `too many transfers to shard ${to} are open`);
    walk.refusal = await this.#look(walk);
    for (let steps = 0; steps < STEPS_MAX; steps++) {
      // A courier, or the client's retry, continues from here.
      if (this.#deps.clock.monotonic() >= walk.deadline) return tooLate(walk);
      const step = nextStep(factsOf(walk));
      if (step.do === 'end') {
        events.ended({ transactionId: walk.order.transactionId, from, to }, step.end, 'request');
        return this.#answer(walk, step.end);
      }
      if (step.do === 'look-for') walk.legs[step.leg] = await this.#deps.legs.find(step.leg, walk);
      else {
        const answer = await this.#send(walk, step.leg, step.until);
        if (answer instanceof Problem) return answer;
        walk.legs[step.leg] = answer;
      }
    }
    return unknown(walk);
  }

  /**
   * Why the destination refuses the transfer; null if it would accept it. @throws Problem if the account does not exist, or if
   * its shard cannot decide now
   */
  async #look(walk: Walk): Promise<LegVerdict | null> {
    const { shards, transits, clock } = this.#deps;
    const { order, from, to, deadline } = walk;
    const { ledger, books } = shards.at(to);
    for (let looks = 1; ; looks++) {
      const transit = await transits.pick(to, order.currency);
      try {
        const seen = await ledger.preview(
          [inOrder(order, { transit, fromShard: from })],
          'transfers',
          windowsIn(books),
        );
        if ('sides' in seen) return null;
        return { refusal: seen.refusal, ...(seen.limit && { limit: seen.limit }) };
      } catch (error) {
        if (!(error instanceof Problem)) throw error;
        if (clock.monotonic() >= deadline || !mayLookAgain(error, looks)) throw error;
        // On the first few looks, the transit account may seem unusable although it is not.
        if (isTransitUnavailable(error) && looks >= UNSETTLED_LOOKS_MAX)
          await transits.avoid(to, order.currency, transit, error);
        await clock.sleep(HELD_LOOK_MS);
      }
    }
  }

  async #send(walk: Walk, leg: LegName, until: 'decided' | 'persisted'): Promise<Outcome | Problem> {
    const { legs, events } = this.#deps;
    if (leg === 'out') {
      walk.mayHaveLeft = true;
      const answer = await legs.out(walk, walk.refusal);
      // The shard returns outcome_unknown if an attempt is in doubt: any other Problem proves that this request has moved no
      // money.
      if (answer instanceof Problem) return answer;
      // `back` follows `out`, so a transfer whose `out` is not a replay has not been returned.
      if (!answer.replayed) walk.legs.back = null;
      return answer;
    }
    const durability = leg === 'in' && until === 'decided' ? walk.durability : 'persisted';
    const answer = await legs.after(leg, walk, postedOut(walk), durability);
    if (!(answer instanceof Problem)) return answer;
    const { transactionId } = walk.order;
    events.legFailed({ transactionId, from: walk.from, to: walk.to }, leg, answer.code, isUnexpected(answer.code));
    return unknown(walk);
  }

  /** The answer to the client when its transfer has ended. */
  async #answer(walk: Walk, end: CrossingEnd): Promise<Outcome | Problem> {
    const { out, in: into } = walk.legs;
    if (end === 'refused' && out) return refusedOutcome(out);
    if (end === 'done' && into?.status === 'POSTED')
      return postedOutcome(postedOut(walk), into.destination, into.persisted);
    if (end === 'returned' || end === 'kept') {
      // If a transfer was returned before this request began, only the destination has the reason.
      const refused = into ?? (await this.#deps.legs.find('in', walk));
      if (refused?.status === 'REJECTED') return returnedOutcome(postedOut(walk), refused);
    }
    const { transactionId } = walk.order;
    const { from, to } = walk;
    if (end === 'stuck' || end === 'conflict')
      this.#deps.events.legFailed({ transactionId, from, to }, 'in', 'internal_error', true);
    return unknown(walk);
  }
}

/** While the authority of the destination's shard moves, or its transit accounts wait for a journal, a transfer is held like any other. */
function mayLookAgain({ code }: Problem, looks: number): boolean {
  if (code === 'transit_unavailable' || code === 'ledger_switching') return true;
  return code === 'account_unsettled' && looks < UNSETTLED_LOOKS_MAX;
}

function factsOf({ legs }: Walk): CrossingFacts {
  const state = (leg: LegName) => {
    const outcome = legs[leg];
    return outcome === undefined ? 'unknown' : legStateOf(outcome);
  };
  return { out: state('out'), in: state('in'), back: state('back'), returns: state('returns') };
}

function postedOut({ legs: { out } }: Walk): Posted {
  if (out?.status !== 'POSTED') throw new TypeError('nothing has left the source');
  return out;
}

const unknown = ({ order }: Pick<Walk, 'order'>): Problem => {
  const { transactionId } = clientOrderOf(order);
  return new Problem('outcome_unknown', `the outcome of transaction ${transactionId} is not known yet`, {
    transactionId,
  });
};

const tooLate = (walk: Walk): Problem =>
  walk.mayHaveLeft
    ? unknown(walk)
    : new Problem('ledger_switching', `shard ${walk.to} did not accept the transfer in time`);
