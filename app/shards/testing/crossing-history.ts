import { returnsAccount } from '../../domain/crossing.ts';
import { Problem } from '../../domain/problem.ts';
import { orderOf } from '../../domain/testing/orders.ts';
import type { Durability, Outcome, TransferOrder } from '../../domain/types.ts';
import { VirtualClock } from '../../kernel/testing/virtual-clock.ts';
import type { CrossingEvents } from '../crossing-events.ts';
import { ModelPod, type Tampering } from './model-pod.ts';
import { ModelShard, postedLegs } from './model-shard.ts';
import { SeededRandom } from './random.ts';

const SHARDS = 3;
const CALM_MS = 150_000;
const TRIES_MAX = 6;

class SeededClock extends VirtualClock {
  readonly #random: SeededRandom;
  constructor(random: SeededRandom) {
    super();
    this.#random = random;
  }
  override random(): number {
    return this.#random.next();
  }
  /** The models wait only for each other and for timers, so one event-loop turn is enough. */
  override settle(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  }
  /** Ignores the signal: a sleeper that has to stop does so when it wakes up. */
  override sleep(ms: number): Promise<void> {
    return super.sleep(ms);
  }
}

export interface Asked {
  order: TransferOrder;
  from: number;
  to: number;
  answers: { durability: Durability; answer: Outcome; lossesBefore: number }[];
}

/** A random history of transfers between shards, with every kind of failure. The same seed gives the same history. */
export class CrossingHistory {
  readonly random: SeededRandom;
  readonly clock: SeededClock;
  readonly models: ModelShard[];
  readonly violations: string[] = [];
  readonly counts = { done: 0, returned: 0, kept: 0, refused: 0, losses: 0, unexpected: 0 };
  readonly #tampering: Tampering | undefined;
  protected readonly asked: Asked[] = [];
  readonly #accounts: { accountId: string; shard: number }[] = [];
  protected readonly pods: ModelPod[] = [];
  readonly #stop = new AbortController();
  #calm = false;

  constructor(seed: number, tampering?: Tampering) {
    this.random = new SeededRandom(seed);
    this.clock = new SeededClock(this.random);
    this.#tampering = tampering;
    this.models = Array.from({ length: SHARDS }, () => this.#model());
  }

  async run(transfers: number): Promise<void> {
    for (let pod = 0; pod < 3; pod++) this.startPod();
    const map = this.pods[0]?.shards;
    if (!map) throw new TypeError('there is no pod');
    for (let index = 0; this.#accounts.length < 4 * SHARDS; index++) {
      const accountId = `a${index}`;
      const shard = map.numberOf(accountId);
      if (this.#accounts.filter((one) => one.shard === shard).length === 4) continue;
      this.#accounts.push({ accountId, shard });
      this.models[shard]?.open(accountId, { balance: this.random.pick([60, 1_000, 1_000]), external: false });
    }
    const before = this.#total();
    const faults = Promise.all([this.#faults(), this.#settingsChanges()]);
    const flushes = this.#flushes();
    const clients = Array.from({ length: transfers }, (_, index) => this.#client(index));
    await this.clock.until(Promise.all(clients));
    this.#calm = true;
    await this.clock.until(faults);
    await this.afterLoad();
    await this.#heal();
    this.#stop.abort();
    await this.clock.until(flushes);
    this.#check(before);
  }

  /** Called once no client is waiting and all failures have ended. */
  protected async afterLoad(): Promise<void> {}
  /**
   * Whether the database of a shard was lost. If so, the arrival of a transfer that was reported as posted may be lost,
   * or the refusal of a transfer that was refused before it left its source.
   */
  protected mayHaveForgotten(_shard: number): boolean {
    return false;
  }

  #model(): ModelShard {
    const model = new ModelShard(this.clock);
    model.delayMs = () => this.random.between(0, this.random.chance(0.05) ? 3_000 : 20);
    model.fate = () => {
      if (this.#calm || !this.random.chance(0.15)) return 'ok';
      return this.random.chance(0.5) ? 'never-sent' : 'reply-lost';
    };
    return model;
  }

  protected startPod(): ModelPod {
    const pod = new ModelPod({
      models: this.models,
      clock: this.clock,
      events: this.#events(),
      ...(this.#tampering && { tampering: this.#tampering }),
    });
    pod.sleepMs = () => (this.random.chance(this.#calm ? 0 : 0.03) ? this.random.between(1_000, 60_000) : 0);
    void pod.courier.run(this.#stop.signal);
    this.pods.push(pod);
    return pod;
  }

  #events(): CrossingEvents {
    return {
      ended: (_, end, by) => {
        if (by === 'courier' && end !== 'refused' && end !== 'stuck' && end !== 'conflict') this.counts[end] += 1;
      },
      legFailed: (_between, _leg, _code, isUnexpected) => {
        if (isUnexpected) this.counts.unexpected += 1;
      },
      courierFailed() {},
      open() {},
    };
  }

  async #client(index: number): Promise<void> {
    const { random, clock } = this;
    await clock.sleep(random.between(0, 120_000));
    const source = random.pick(this.#accounts);
    const destination = random.pick(this.#accounts.filter(({ shard }) => shard !== source.shard));
    // A client that sends the whole balance may close the account while the money is in transit.
    const balance = this.models[source.shard]?.cache.accounts.get(source.accountId)?.balance ?? 0;
    const amount = balance > 0 && random.chance(0.2) ? balance : random.between(1, 60);
    const order = orderOf(
      {
        transactionId: `t${index}`,
        source: source.accountId,
        destination: destination.accountId,
        amount,
      },
      clock.now(),
    );
    const asked: Asked = { order, from: source.shard, to: destination.shard, answers: [] };
    this.asked.push(asked);
    // Clients repeat some answered transfers, and give up on some unanswered ones.
    for (let tries = 0; tries < TRIES_MAX && (asked.answers.length === 0 || random.chance(0.3)); tries++) {
      const durability = random.pick(['cache', 'persisted'] as const);
      const pod = random.pick(this.pods.filter(({ killed }) => !killed));
      const lossesBefore = this.#losses();
      const answer = await Promise.race([
        pod.apply(order, durability),
        clock.sleep(random.between(20, 15_000)).then(() => new Problem('outcome_unknown', 'the client gave up')),
      ]);
      if (!(answer instanceof Problem)) asked.answers.push({ durability, answer, lossesBefore });
      await clock.sleep(random.between(0, 20_000));
    }
  }

  async #flushes(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      this.random.pick(this.models).flush(this.random.between(1, 10));
      await this.clock.sleep(this.random.between(50, this.random.chance(0.05) ? 3_000 : 300));
    }
  }

  async #faults(): Promise<void> {
    const { random, clock } = this;
    while (!this.#calm) {
      await clock.sleep(random.between(500, 4_000));
      const model = random.pick(this.models);
      const fault = random.between(0, 5);
      if (fault === 0) {
        model.state = 'moving';
        await clock.sleep(random.between(100, 5_000));
        model.state = 'open';
      } else if (fault === 1) {
        model.state = 'closed';
        await clock.sleep(random.between(1_000, 15_000));
        model.acceptLoss();
        model.state = 'open';
      } else if (fault === 2) {
        model.isDatabaseAway = true;
        await clock.sleep(random.between(500, 5_000));
        model.isDatabaseAway = false;
      } else if (fault <= 4) model.acceptLoss();
      else {
        random.pick(this.pods).killed = true;
        if (this.pods.every(({ killed }) => killed) || random.chance(0.7)) this.startPod();
      }
    }
  }

  /** Accounts change between the preview and the legs, so that destinations refuse money that has left its source. */
  async #settingsChanges(): Promise<void> {
    while (!this.#calm) {
      await this.clock.sleep(this.random.between(50, 500));
      const { accountId, shard } = this.random.pick(this.#accounts);
      const model = this.models[shard];
      const isClosed = () => model?.cache.accounts.get(accountId)?.status === 'CLOSED';
      if (this.random.chance(0.3)) this.#close(accountId, shard);
      if (isClosed()) continue;
      model?.change(accountId, { status: 'FROZEN' });
      await this.clock.sleep(this.random.between(50, 500));
      if (!isClosed()) model?.change(accountId, { status: 'ACTIVE' });
    }
  }

  /** An account can be closed only at a balance of zero, and stays closed. */
  #close(accountId: string, shard: number): void {
    const model = this.models[shard];
    const [inCache, inDatabase] = [model?.cache, model?.mysql].map((store) => store?.accounts.get(accountId));
    if (inCache?.balance === 0 && inDatabase?.balance === 0) model?.change(accountId, { status: 'CLOSED' });
  }

  /** Ends all failures, and lets the couriers complete the open crossings. */
  async #heal(): Promise<void> {
    for (const model of this.models) Object.assign(model, { state: 'open', isDatabaseAway: false });
    this.startPod();
    await this.clock.pass(CALM_MS);
    for (const model of this.models) model.flush();
  }

  #losses(): number {
    return this.models.reduce((sum, { losses }) => sum + losses, 0);
  }

  #total(): number {
    return this.models
      .flatMap(({ cache }) => [...cache.accounts.values()])
      .reduce((sum, { balance }) => sum + balance, 0);
  }

  #check(before: number): void {
    const fail = (what: string) => this.violations.push(what);
    this.counts.losses = this.#losses();
    if (this.#total() !== before) fail(`the sum of all balances is ${this.#total()}, not ${before}`);
    let transit = 0;
    for (const [number, { cache, rows }] of this.models.entries()) {
      for (const { accountId, balance, external } of cache.accounts.values()) {
        if (accountId.startsWith('~transit')) transit += balance;
        else if (!external && balance < 0) fail(`${accountId} is overdrawn: ${balance}`);
      }
      for (const [id, { closing }] of rows) if (!closing) fail(`crossing ${id} of shard ${number} is still open`);
    }
    if (transit !== 0) fail(`${transit} is still in transit`);
    for (const asked of this.asked) this.#checkOne(asked, fail);
  }

  #checkOne({ order, from, to, answers }: Asked, fail: (what: string) => void): void {
    const { transactionId: id } = order;
    const [s, d] = [this.models[from], this.models[to]];
    if (!s || !d) throw new TypeError('a shard is missing');
    const atSource = postedLegs(s.cache, id, from);
    const legs = { ...atSource, in: postedLegs(d.cache, id, from).in };
    const ends = [legs.in, legs.back, legs.returns].filter((ended) => ended).length;
    if (ends > 1) fail(`${id} ended twice: ${JSON.stringify(legs)}`);
    if (ends > 0 && !legs.out) fail(`${id} never left: ${JSON.stringify(legs)}`);
    if (legs.out && ends === 0) fail(`${id} is lost in transit`);
    const closing = s.rows.get(id)?.closing;
    if (closing && (closing.state === 'DONE') !== legs.in)
      fail(`${id} is closed as ${closing.state}: ${JSON.stringify(legs)}`);
    if (!legs.out) this.counts.refused += s.cache.outcomes.has(id) ? 1 : 0;
    if (legs.returns && !s.cache.accounts.has(returnsAccount(order.currency))) fail('returns went nowhere');
    for (const { durability, answer, lossesBefore } of answers) {
      const isPosted = answer.status === 'POSTED';
      // An operator may have accepted the loss of an outcome that only Redis had.
      const isAccepted = durability === 'cache' && !answer.persisted && this.#losses() > lossesBefore;
      const mayBeLost = isPosted ? isAccepted || this.mayHaveForgotten(to) : this.mayHaveForgotten(from);
      if (isPosted !== legs.in && !mayBeLost)
        fail(`${id} was answered ${answer.status} (${durability}), but its legs are ${JSON.stringify(legs)}`);
    }
  }
}
