import type { Problem } from '../../domain/problem.ts';
import type { Durability, NewAccount, Outcome, TransferOrder } from '../../domain/types.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Ledger } from '../../ledger/ports/ledger.ts';
import type { Courier, CourierTiming } from '../courier.ts';
import type { CrossingEvents } from '../crossing-events.ts';
import { type Shard, ShardMap } from '../shard.ts';
import { joinShards } from '../sharded.ts';
import type { ShardedLedger } from '../sharded-ledger.ts';
import type { ModelShard } from './model-shard.ts';

export const COURIER_TIMING: CourierTiming = {
  everyMs: 500,
  minAgeMs: 1_000,
  pageMax: 20,
  inFlightMax: 4,
  openMax: 10_000,
};

/** Changes the messages between a pod and a shard, for example to break a rule on purpose. */
export type Tampering = (shard: ModelledShard, model: ModelShard) => Partial<ModelledShard>;
type ShardLedger = Pick<Ledger, 'apply' | 'preview' | 'outcome' | 'read'>;
interface ModelledShard {
  ledger: ShardLedger;
  database: Shard['database'];
}

/** A process with the sharded layer over model shards. It can be paused at any call, and be killed. */
export class ModelPod {
  readonly ledger: ShardedLedger;
  readonly courier: Courier;
  readonly shards: ShardMap<Shard>;
  killed = false;
  /** How long the process pauses before it sends the next call, and after the reply has arrived, ms. */
  sleepMs: () => number = () => 0;
  readonly #clock: Clock;

  constructor(deps: {
    models: readonly ModelShard[];
    clock: Clock;
    events: CrossingEvents;
    tampering?: Tampering;
    requestTimeoutMs?: number;
  }) {
    const { models, clock, events, tampering = () => ({}), requestTimeoutMs = 10_000 } = deps;
    this.#clock = clock;
    // The layer uses only the methods that a model has.
    const shards = models.map((model) => {
      const modelled = {
        ledger: this.#gated(model),
        database: { findOutcomes: this.#gate((ids: readonly string[]) => model.findOutcomes(ids)) },
      };
      return {
        ...modelled,
        ...tampering(modelled, model),
        books: {
          openAccounts: this.#gate((accounts: readonly NewAccount[]) => model.openAccounts(accounts)),
          businessWindows: async () => null,
        },
        crossings: model.crossings,
        isDatabaseAway: () => model.isDatabaseAway,
      };
    }) as unknown as Shard[];
    this.shards = new ShardMap<Shard>(shards);
    const joined = joinShards(shards, {
      clock,
      events: { ...events, answered() {} },
      processId: 'pod',
      courier: COURIER_TIMING,
      requestTimeoutMs,
    });
    this.ledger = joined.ledger;
    this.courier = joined.courier;
  }

  async apply(order: TransferOrder, durability: Durability): Promise<Outcome | Problem> {
    const [answer] = await this.ledger.apply([order], durability);
    if (!answer) throw new TypeError('a transfer got no answer');
    return answer;
  }

  #gated(model: ModelShard): ShardLedger {
    return {
      apply: this.#gate((orders, durability) => model.apply(orders, durability)),
      preview: this.#gate((orders) => model.preview(orders)),
      outcome: this.#gate((id) => model.outcome(id)),
      read: this.#gate((ids) => model.read(ids)),
    };
  }

  /** A killed pod sends nothing more, and nothing reaches it. */
  #gate<A extends unknown[], R>(call: (...args: A) => Promise<R>): (...args: A) => Promise<R> {
    return async (...args) => {
      await this.#pass();
      const reply = await call(...args);
      await this.#pass();
      return reply;
    };
  }

  async #pass(): Promise<void> {
    const ms = this.sleepMs();
    if (ms > 0) await this.#clock.sleep(ms);
    if (this.killed) await new Promise(() => {});
  }
}
