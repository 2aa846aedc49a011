import { Problem } from '../../app/domain/problem.ts';
import type { AccountStatus, AccountView, Durability, Outcome, TransferOrder } from '../../app/domain/types.ts';
import type { Recording, TransferContent } from '../../verification/checker/history.ts';
import type { Random } from '../core/random.ts';
import type { Scheduler } from '../core/scheduler.ts';
import type { SimProcess } from '../core/sim-process.ts';
import { answerOf, changeAnswerOf, contentOf, hashOf, type Reply, said } from './answers.ts';
import { GroupClient, SharedGroups } from './group-client.ts';
import { HoldClient, SharedHolds } from './hold-client.ts';
import { ReversalClient } from './reversal-client.ts';
import { TIMES } from './settings.ts';
import type { ServingPod } from './sim-pod.ts';
import { uuidV7 } from './uuid.ts';

export interface ClientPlan {
  /** Mean time between the requests of one client, ms. */
  thinkMs: number;
  accounts: readonly string[];
  hot: string;
  world: string;
  amountMax: number;
  /** Statuses that account changes set. */
  statuses: readonly AccountStatus[];
  changeWeight: number;
  groupWeight: number;
  holdWeight: number;
  /** How often a client reverses a transfer; absent: never. */
  reversalWeight?: number;
}

interface ClientDependencies {
  process: SimProcess;
  scheduler: Scheduler;
  random: Random;
  history: Recording;
  plan: ClientPlan;
  pods(): readonly ServingPod[];
  /** The name under which a transfer is recorded: its id, and the shard of its source if there are several. */
  keyOf(transactionId: string, source: string): string;
  /** Null unless the run is traced: the lines are costly to build. */
  note: ((what: string) => void) | null;
  /** Called when an answer reports the outcome as persisted. */
  onPersisted(outcome: Outcome): void;
  /** Called when an answer reports the hold as persisted with this revision. */
  onPersistedHold(holdId: string, revision: number): void;
}

/** Ids that several clients may use at the same time. */
export class SharedOrders {
  readonly recent: TransferOrder[] = [];
  readonly groups = new SharedGroups();
  readonly holds = new SharedHolds();
  /** Orders of reversals, by the name under which they are recorded. */
  readonly reversals = new Map<string, TransferOrder>();
}

/** A client: sends random requests to any pod, receives answers, and retries under the same id when it should. */
export class Client {
  readonly #deps: ClientDependencies;
  readonly #shared: SharedOrders;
  /** The versions that this client last read, by account id. */
  readonly #settingsVersions = new Map<string, number>();
  #correlations = 0;
  #stopped = false;
  readonly groups: GroupClient;
  readonly holds: HoldClient;
  readonly reversals: ReversalClient;
  /** Requests without an answer. */
  asked = 0;
  /** Transfers whose outcome is being determined. */
  settling = 0;

  constructor(deps: ClientDependencies, shared: SharedOrders) {
    this.#deps = deps;
    this.#shared = shared;
    this.groups = new GroupClient({
      ...deps,
      shared: shared.groups,
      newOrder: () => this.#newOrder(),
      ask: (work) => this.#askFor(work),
      sendSingle: (order) => void this.transfer([{ ...order, correlationId: this.#correlation() }]),
      isStopped: () => this.#stopped,
    });
    this.holds = new HoldClient({
      ...deps,
      shared: shared.holds,
      correlation: () => this.#correlation(),
      ask: (work) => this.#askFor(work),
      isStopped: () => this.#stopped,
    });
    this.reversals = new ReversalClient({
      ...deps,
      shared: shared.reversals,
      user: deps.process.name,
      correlation: () => this.#correlation(),
      ask: (work) => this.#ask(this.#pickPod(), work),
    });
    this.#next();
  }
  stop(): void {
    this.#stopped = true;
  }

  #next(): void {
    const { process, random, plan } = this.#deps;
    process.after(random.exponential(plan.thinkMs), () => {
      if (this.#stopped) return;
      this.#act();
      this.#next();
    });
  }

  #act(): void {
    const { random, plan } = this.#deps;
    const { changeWeight: change, groupWeight: group, holdWeight: hold, reversalWeight: reverse = 0 } = plan;
    switch (random.weighted({ transfer: 60, again: 8, batch: 3, read: 20, seek: 5, change, group, hold, reverse })) {
      case 'transfer':
        return void this.transfer([this.#order()]);
      case 'again': {
        if (this.#shared.recent.length === 0) return;
        const order = random.pick(this.#shared.recent);
        // Sometimes the id is sent with other content: the second request then gets a 409.
        return void this.transfer([{ ...order, ...this.#different(order), correlationId: this.#correlation() }]);
      }
      case 'batch':
        return void this.transfer(Array.from({ length: random.whole(2, 7) }, () => this.#order()));
      case 'read':
        return void this.read(random.chance(0.4) ? [plan.hot] : [random.pick(plan.accounts)]);
      case 'seek': {
        if (this.#shared.recent.length === 0) return;
        const { transactionId, source } = random.pick(this.#shared.recent);
        return void this.seek(transactionId, source);
      }
      case 'change':
        return void this.#changeAny();
      case 'group':
        return void this.groups.act();
      case 'hold':
        return void this.holds.act();
      case 'reverse':
        if (this.#shared.recent.length > 0) void this.reversals.reverse(random.pick(this.#shared.recent));
        return;
    }
  }

  #different({ amount, source }: TransferOrder): Partial<TransferOrder> {
    const { random, plan } = this.#deps;
    if (random.chance(0.85)) return {};
    const destination = random.pick(plan.accounts);
    const other = random.chance(0.4) ? random.pick(plan.accounts) : source;
    return random.chance(0.4) || destination === other ? { amount: amount + 1 } : { source: other, destination };
  }

  #correlation(): string {
    return `${this.#deps.process.name}-${++this.#correlations}`;
  }

  #order(): TransferOrder {
    const order = this.#newOrder();
    this.#shared.recent.push(order);
    if (this.#shared.recent.length > 12) this.#shared.recent.shift();
    return order;
  }

  #newOrder(): TransferOrder {
    const { random, plan, process } = this.#deps;
    const any = () => (random.chance(0.35) ? plan.hot : random.pick(plan.accounts));
    let source = random.chance(0.3) ? plan.world : any();
    let destination = any();
    while (destination === source) destination = random.pick(plan.accounts);
    if (random.chance(0.1) && source !== plan.world) {
      destination = plan.world;
      if (source === destination) source = plan.hot;
    }
    const transactionId = random.chance(0.15) ? `order-${random.hex(12)}` : uuidV7(process.now(), random);
    const amount = random.whole(1, plan.amountMax);
    return this.orderOf(transactionId, { source, destination, amount, currency: 'EUR' });
  }

  orderOf(transactionId: string, content: TransferContent): TransferOrder {
    const nothing = { timestamp: null, reference: null, metadata: null, reverses: null };
    const by = { user: this.#deps.process.name, correlationId: this.#correlation() };
    return { kind: 'transfer', transactionId, ...content, ...nothing, ...by };
  }

  /** Sends transfers, and usually sends them again until they have an outcome. */
  async transfer(orders: readonly TransferOrder[]): Promise<void> {
    const { random, process } = this.#deps;
    const durability: Durability = random.chance(0.1) ? 'persisted' : 'cache';
    const again = await this.#send(orders, durability, this.#pickPod());
    // Some clients give up and never ask for the outcome.
    if (again.length === 0 || this.#stopped || random.chance(0.2)) return;
    await process.sleep(random.exponential(300));
    if (this.#stopped) return;
    for (const order of again) void this.transfer([{ ...order, correlationId: this.#correlation() }]);
  }

  /** Sends the transfer until its outcome is known. Used at the end of a run. */
  async settle(transactionId: string, content: TransferContent): Promise<void> {
    const { process } = this.#deps;
    this.settling += 1;
    const reversal = this.#shared.reversals.get(this.#deps.keyOf(transactionId, content.source));
    const order = reversal ?? this.orderOf(transactionId, content);
    for (let tries = 0; tries < 60; tries++) {
      const [again] = await this.#send([{ ...order, correlationId: this.#correlation() }], 'cache', this.#pickPod());
      if (!again) break;
      await process.sleep(250);
    }
    this.settling -= 1;
  }

  /** @returns the orders that should be sent again */
  async #send(
    orders: readonly TransferOrder[],
    durability: Durability,
    pod: ServingPod | null,
  ): Promise<TransferOrder[]> {
    const { scheduler, history, note, onPersisted, keyOf } = this.#deps;
    const sentAt = scheduler.nowMs;
    const answers = await this.#ask(pod, (at) => at.ledger.apply(orders, durability));
    const endedAt = scheduler.nowMs;
    const again: TransferOrder[] = [];
    for (const [index, order] of orders.entries()) {
      const result = answers.kind === 'value' ? answers.value[index] : undefined;
      const reply: Reply<Outcome> =
        answers.kind !== 'value'
          ? answers
          : result instanceof Problem
            ? { kind: 'problem', code: result.code }
            : result
              ? { kind: 'value', value: result }
              : { kind: 'lost' };
      const { transactionId, correlationId } = order;
      const answer = answerOf(reply);
      const attempt = { content: contentOf(order), correlationId, sentAt, endedAt, answer };
      history.of(keyOf(transactionId, order.source)).attempts.push(attempt);
      if (reply.kind === 'value' && reply.value.persisted) onPersisted(reply.value);
      note?.(
        `${order.correlationId} ${order.transactionId} ${order.source}>${order.destination} ${order.amount} at ${nameOf(pod)} since ${sentAt.toFixed(1)}: ${said(reply)}`,
      );
      scheduler.mix(hashOf(said(reply)));
      const isRetryable = result instanceof Problem && result.retryable;
      if (answer.kind === 'unknown' || reply.kind === 'not_begun' || isRetryable) again.push(order);
    }
    return again;
  }

  async read(accountIds: readonly string[]): Promise<boolean> {
    const { scheduler, note } = this.#deps;
    const pod = this.#pickPod();
    const sentAt = scheduler.nowMs;
    const answers = await this.#ask(pod, (at) => at.ledger.read(accountIds));
    if (answers.kind !== 'value') return false;
    for (const view of answers.value) {
      if (view instanceof Problem) return false;
      this.#saw(view, sentAt, pod);
      note?.(
        `read ${view.accountId} at ${pod?.process.name} since ${sentAt.toFixed(1)}: ${view.balance} v${view.version} s${view.settingsVersion}${view.stale ? ' stale' : ''}`,
      );
      scheduler.mix(view.version * 31 + view.balance);
    }
    return true;
  }

  #saw(view: AccountView, sentAt: number, pod: ServingPod | null): void {
    const { accountId, balance, version, held, overdraftLimit, status, settingsVersion, stale } = view;
    const { history, scheduler } = this.#deps;
    this.#settingsVersions.set(accountId, settingsVersion);
    const settings = { overdraftLimit, status, settingsVersion };
    const by = `a read at ${nameOf(pod)}`;
    history.reads.push({ accountId, balance, version, held, settings, stale, sentAt, endedAt: scheduler.nowMs, by });
  }

  async seek(transactionId: string, source: string): Promise<void> {
    const { scheduler, history, note, keyOf } = this.#deps;
    const pod = this.#pickPod();
    const sentAt = scheduler.nowMs;
    const reply = await this.#ask(pod, (at) => at.ledger.outcome(transactionId, { account: source }));
    const { lookUps } = history.of(keyOf(transactionId, source));
    lookUps.push({ sentAt, endedAt: scheduler.nowMs, answer: answerOf(reply) });
    note?.(`seek ${transactionId} at ${pod?.process.name} since ${sentAt.toFixed(1)}: ${said(reply)}`);
    scheduler.mix(hashOf(said(reply)));
  }

  #changeAny(): void {
    const { random, plan } = this.#deps;
    const accountId = random.chance(0.5) ? plan.hot : random.pick(plan.accounts);
    const pod = this.#pickPod();
    const settings = random.chance(0.6)
      ? { overdraftLimit: random.pick([0, 50, 500]) }
      : { status: random.pick(plan.statuses) };
    void this.change(accountId, settings, pod);
  }

  async change(
    accountId: string,
    settings: { overdraftLimit?: number; status?: AccountStatus },
    pod = this.#pickPod(),
  ): Promise<void> {
    const { random, scheduler, history, process, note } = this.#deps;
    const sentAt = scheduler.nowMs;
    const correlationId = this.#correlation();
    const changeId = uuidV7(process.now(), random);
    const known = this.#settingsVersions.get(accountId);
    const expected = known !== undefined && random.chance(0.3) ? { expectedSettingsVersion: known } : {};
    const change = { accountId, changeId, correlationId, user: process.name, ...settings, ...expected };
    const reply = await this.#ask(pod, (at) => at.ledger.changeAccount(change));
    if (reply.kind === 'value') this.#saw(reply.value, sentAt, pod);
    note?.(
      `change ${correlationId} ${accountId} ${JSON.stringify(settings)} at ${pod?.process.name} since ${sentAt.toFixed(1)}: ${reply.kind === 'value' ? `s${reply.value.settingsVersion}` : said(reply)}`,
    );
    const request = { accountId, correlationId, ...settings, ...expected, sentAt, endedAt: scheduler.nowMs };
    history.changes.push({ ...request, answer: changeAnswerOf(reply) });
  }

  #pickPod(): ServingPod | null {
    const pods = this.#deps.pods();
    return pods.length > 0 ? this.#deps.random.pick(pods) : null;
  }

  async #askFor<T extends object>(work: (pod: ServingPod) => Promise<T | Problem>): Promise<Reply<T>> {
    const reply = await this.#ask(this.#pickPod(), work);
    if (reply.kind !== 'value' || !(reply.value instanceof Problem)) return reply as Reply<T>;
    return { kind: 'problem', code: reply.value.code };
  }

  #ask<T>(pod: ServingPod | null, work: (pod: ServingPod) => Promise<T>): Promise<Reply<T>> {
    const { scheduler, random, process } = this.#deps;
    if (!pod?.process.alive) return Promise.resolve({ kind: 'not_begun' });
    this.asked += 1;
    return new Promise<Reply<T>>((settle) => {
      let open = true;
      const resolve = (answer: Reply<T>) => {
        if (open) this.asked -= 1;
        open = false;
        settle(answer);
      };
      const lost = () => {
        forget();
        resolve({ kind: 'lost' });
      };
      const cancel = process.after(TIMES.clientPatienceMs, lost);
      const forget = pod.onDeath(() => void scheduler.after(random.exponential(5), lost));
      const answer = (value: Reply<T>) =>
        void scheduler.after(
          random.exponential(0.5),
          () => {
            cancel();
            forget();
            resolve(value);
          },
          process,
        );
      const asked = () => {
        work(pod).then(
          (value) => answer({ kind: 'value', value }),
          (error: unknown) => {
            if (error instanceof Problem) answer({ kind: 'problem', code: error.code });
            else answer({ kind: 'problem', code: 'internal_error' });
          },
        );
      };
      scheduler.after(random.exponential(0.5), asked, pod.process);
    });
  }
}

const nameOf = (pod: ServingPod | null): string => pod?.process.name ?? 'none';
