import { Problem } from '../../domain/problem.ts';
import { orderOf } from '../../domain/testing/orders.ts';
import type { Account, Durability, Outcome, TransferOrder } from '../../domain/types.ts';
import { VirtualClock } from '../../kernel/testing/virtual-clock.ts';
import type { CrossingEvents } from '../crossing-events.ts';
import { ModelPod, type Tampering } from './model-pod.ts';
import { ModelShard } from './model-shard.ts';

/** Three model shards, each with the accounts `<name>@<shard>`, and a pod. Redis is flushed every 20 ms. */
export class CrossingStage {
  readonly clock = new VirtualClock();
  readonly models = [0, 1, 2].map(() => new ModelShard(this.clock));
  /** The events that the pods have reported, as text. */
  readonly events: string[] = [];
  readonly pod: ModelPod;
  /** The shards whose journal is not flushed. */
  readonly notFlushed = new Set<number>();
  readonly #endings: readonly string[];

  constructor(tampering?: Tampering) {
    this.pod = this.newPod(tampering);
    const { shards } = this.pod;
    this.#endings = [0, 1, 2].map((shard) => {
      for (let index = 0; ; index++) if (shards.numberOf(`@x${index}`) === shard) return `x${index}`;
    });
    void this.#flush();
  }

  newPod(tampering?: Tampering): ModelPod {
    const { models, clock } = this;
    return new ModelPod({ models, clock, events: this.#reports(), ...(tampering && { tampering }) });
  }

  async #flush(): Promise<void> {
    for (;;) {
      await this.clock.sleep(20);
      for (const [number, model] of this.models.entries()) if (!this.notFlushed.has(number)) model.flush();
    }
  }

  #reports(): CrossingEvents {
    return {
      ended: ({ transactionId }, end, by) => this.events.push(`${transactionId} ${end} (${by})`),
      legFailed: ({ transactionId }, leg, code, isUnexpected) =>
        this.events.push(`${transactionId} ${leg} ${code}${isUnexpected ? '!' : ''}`),
      courierFailed: (from, to) => this.events.push(`courier ${from} ${to}`),
      open() {},
    };
  }

  model(shard: number): ModelShard {
    const model = this.models[shard];
    if (!model) throw new RangeError(`no shard ${shard}`);
    return model;
  }

  /** The id of an account in a shard; it is opened on first use. */
  account(shard: number, name: string, fields: Partial<Account> = {}): string {
    const accountId = `${name}@${this.#endings[shard]}`;
    const { accounts } = this.model(shard).cache;
    if (!accounts.has(accountId)) this.model(shard).open(accountId, { balance: 1_000, ...fields });
    return accountId;
  }

  /** A transfer of 100 from `a` in shard 0 to `b` in shard 1. */
  order(different: Partial<TransferOrder> = {}): TransferOrder {
    const accounts = { source: this.account(0, 'a'), destination: this.account(1, 'b') };
    return orderOf({ transactionId: 'T', amount: 100, ...accounts, ...different }, this.clock.now());
  }

  async apply(order = this.order(), durability: Durability = 'cache', pod = this.pod): Promise<Outcome | Problem> {
    return this.clock.until(pod.apply(order, durability));
  }

  /** The answer as one word: the status or the problem code, with a star for a replay. */
  async answer(order?: TransferOrder, durability?: Durability, pod?: ModelPod): Promise<string> {
    return wordFor(await this.apply(order, durability, pod));
  }

  async outcome(id = 'T', source?: string): Promise<string> {
    return wordFor(
      await this.clock.until(this.pod.ledger.outcome(id, { account: source })).catch((error: unknown) => {
        if (error instanceof Problem) return error;
        throw error;
      }),
    );
  }

  /** Lets the courier of a pod complete two rounds. */
  async deliver(pod = this.pod): Promise<void> {
    for (let round = 0; round < 2; round++) {
      await this.clock.pass(2_000);
      for (const shard of [0, 1, 2]) await this.clock.until(pod.courier.survey(shard));
      for (const shard of [0, 1, 2]) await this.clock.until(pod.courier.deliver(shard, new AbortController().signal));
    }
  }

  balance(accountId: string): number {
    for (const { cache } of this.models) {
      const account = cache.accounts.get(accountId);
      if (account) return account.balance;
    }
    throw new RangeError(`${accountId} does not exist`);
  }

  /** The money in transit: zero when no crossing is open. */
  get inTransit(): number {
    const accounts = this.models.flatMap(({ cache }) => [...cache.accounts.values()]);
    return accounts.reduce((sum, { accountId, balance }) => sum + (accountId.startsWith('~transit') ? balance : 0), 0);
  }

  /** The legs that a shard's Redis has, such as `T~0 POSTED`. */
  legs(shard: number): string[] {
    return [...this.model(shard).cache.outcomes].map(([id, { status }]) => `${id} ${status}`);
  }

  closing(id = 'T', shard = 0) {
    return this.model(shard).rows.get(id)?.closing;
  }
}

function wordFor(answer: Outcome | Problem): string {
  if (answer instanceof Problem) return answer.code;
  const word = answer.status === 'POSTED' ? 'POSTED' : answer.refusal;
  return `${word}${answer.replayed ? '*' : ''}`;
}
