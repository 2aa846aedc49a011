import { backOrder, inOrder, type LegOrder, legIdOf, outOrder, returnsOrder } from '../domain/crossing.ts';
import type { LegName, LegVerdict } from '../domain/leg-types.ts';
import { Problem } from '../domain/problem.ts';
import type { Durability, Outcome, Posted, TransferOrder } from '../domain/types.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Ledger, LookUpBy } from '../ledger/ports/ledger.ts';
import type { LegState } from './crossing-decision.ts';
import type { ShardMap } from './shard.ts';
import type { TransitAccounts } from './transit-accounts.ts';

/** Maximum number of transit accounts that are tried for a leg; trying all of them takes about 5 s. */
const TRANSITS_MAX = 100;
/** After this many tries, the reason is probably temporary, so each further try waits. */
const HASTY_TRIES_MAX = 4;
const TRY_AGAIN_MS = 50;

/** A transfer from shard `from` to shard `to`. */
export interface Crossing {
  /** The order as the client sent it. */
  order: TransferOrder;
  from: number;
  to: number;
}

export const legStateOf = (outcome: Outcome | null): LegState => {
  if (!outcome) return 'absent';
  const state = outcome.status === 'POSTED' ? 'posted' : 'refused';
  return outcome.persisted ? `${state}-persisted` : state;
};

interface LegsDependencies {
  shards: ShardMap<{ ledger: Pick<Ledger, 'apply' | 'outcome'> }>;
  transits: TransitAccounts;
  clock: Clock;
}

/** Sends the legs of crossings to their shards, each with a usable transit account. */
export class Legs {
  readonly #deps: LegsDependencies;

  constructor(deps: LegsDependencies) {
    this.#deps = deps;
  }

  /** @param refusal why the destination refuses the transfer, if it does */
  out({ order, from, to }: Crossing, refusal: LegVerdict | null): Promise<Outcome | Problem> {
    return this.#send(from, order.currency, 'persisted', async (transit) =>
      outOrder(order, { transit, toShard: to, refusal }),
    );
  }

  /** @param out the outcome of the first leg: MySQL has it, and it is posted */
  async after(
    leg: Exclude<LegName, 'out'>,
    { order, from, to }: Crossing,
    out: Posted,
    durability: Durability,
  ): Promise<Outcome | Problem> {
    const { currency } = order;
    if (!out.persisted) throw new TypeError(`${leg} of ${order.transactionId} must wait until MySQL has its leg "out"`);
    if (leg === 'in')
      return this.#send(to, currency, durability, async (transit) => inOrder(out.order, { transit, fromShard: from }));
    return this.#send(from, currency, durability, async (transit) => {
      if (leg === 'back') return backOrder(out, { transit, toShard: to });
      await this.#deps.transits.forReturns(from, currency);
      return returnsOrder(out, { transit, toShard: to });
    });
  }

  /** The outcome of a leg, or null if it has none. @throws Problem if that cannot be determined now */
  async find(leg: LegName, { order, from, to }: Crossing, by: LookUpBy = {}): Promise<Outcome | null> {
    const { ledger } = this.#deps.shards.at(leg === 'in' ? to : from);
    try {
      return await ledger.outcome(legIdOf(order.transactionId, leg, from), by);
    } catch (error) {
      if (error instanceof Problem && error.code === 'transfer_not_found') return null;
      throw error;
    }
  }

  /** Never throws a Problem. */
  async #send(
    shard: number,
    currency: string,
    durability: Durability,
    orderWith: (transit: string) => Promise<LegOrder>,
  ): Promise<Outcome | Problem> {
    const { shards, transits, clock } = this.#deps;
    try {
      for (let tries = 1; ; tries++) {
        const transit = await transits.pick(shard, currency);
        const [answer] = await shards.at(shard).ledger.apply([await orderWith(transit)], durability);
        if (!answer) throw new Problem('internal_error', 'a leg of a transfer got no answer');
        // Nothing was written, so another transit account may be tried.
        if (!isTransitUnavailable(answer) || tries >= TRANSITS_MAX) return answer;
        await transits.avoid(shard, currency, transit, answer);
        if (tries >= HASTY_TRIES_MAX) await clock.sleep(TRY_AGAIN_MS);
      }
    } catch (error) {
      if (error instanceof Problem) return error;
      throw error;
    }
  }
}

export const isTransitUnavailable = (answer: Outcome | Problem | unknown): answer is Problem =>
  answer instanceof Problem && answer.code === 'transit_unavailable';
