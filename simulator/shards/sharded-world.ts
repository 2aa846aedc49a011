import { shardOfAccount } from '../../app/domain/account-shard.ts';
import { legIdOf } from '../../app/domain/crossing.ts';
import { Problem } from '../../app/domain/problem.ts';
import type { Outcome, Rejected } from '../../app/domain/types.ts';
import type { CrossingEvents } from '../../app/shards/crossing-events.ts';
import { Recording } from '../../verification/checker/history.ts';
import type { Random } from '../core/random.ts';
import { Scheduler } from '../core/scheduler.ts';
import { SimProcess } from '../core/sim-process.ts';
import { Client, SharedOrders } from '../world/clients.ts';
import { type Assembly, PROTOCOL } from '../world/ports.ts';
import type { SimPod } from '../world/sim-pod.ts';
import { type Finding, World } from '../world/world.ts';
import { keyOf, type Loss, lossIn } from './losses.ts';
import { RECOVERING, type Recovering } from './recovering.ts';
import type { ShardedPlan } from './sharded-plan.ts';
import { type Seeing, ShardedPod } from './sharded-pod.ts';
import { strandSome } from './stranding.ts';

/** The functions that assemble a system of several shards. A mutant replaces one of them. */
export interface ShardedAssembly {
  shard: Assembly;
  seeing: Seeing;
  recovering: Recovering;
}
export const SHARDED_PROTOCOL: ShardedAssembly = {
  shard: PROTOCOL,
  seeing: (shard) => shard,
  recovering: RECOVERING,
};

/** Several shards in virtual time: each is a world with stores and keepers of its own; pods and clients are shared. */
export class ShardedWorld {
  readonly scheduler = new Scheduler();
  readonly history = new Recording(Number.POSITIVE_INFINITY);
  readonly shards: readonly World[];
  readonly clients: Client[] = [];
  readonly losses: Loss[] = [];
  /** The refusals of `in` that the MySQL of a destination has lost because it was restored from a backup. */
  readonly restored: { from: number; to: number; refusal: Rejected }[] = [];
  readonly plan: ShardedPlan;
  readonly #serving = new Set<ShardedPod>();
  readonly #own: Finding[] = [];
  readonly #random: Random;
  readonly #assembly: ShardedAssembly;
  readonly #trace: ((line: string) => void) | null;
  readonly #sharedOrders = new SharedOrders();
  #incarnations = 0;

  constructor(random: Random, plan: ShardedPlan, assembly: ShardedAssembly, trace: ((line: string) => void) | null) {
    this.#random = random;
    this.plan = plan;
    this.#assembly = assembly;
    this.#trace = trace;
    const { scheduler, history } = this;
    this.shards = plan.shards.map(({ plan: own, accountIds }, shard) => {
      const startPod = (world: World) => partIn(this.startPod(), shard, world);
      const common = { scheduler, history, shard, accountIds, startPod, asked: () => this.asked };
      const world = new World(random.fork(), own, assembly.shard, trace, common);
      world.mysql.onLossAccepted = () => {
        this.note(`the loss in shard ${shard} is accepted`);
        this.losses.push(lossIn(world, shard));
      };
      return world;
    });
    for (let pod = 0; pod < plan.pods; pod++) this.startPod();
    for (let client = 0; client < plan.clients; client++) this.clients.push(this.newClient());
    if (plan.strands) this.#strand();
  }

  note(line: string): void {
    this.#trace?.(`${this.scheduler.nowMs.toFixed(2).padStart(9)} ${line}`);
  }
  get servingPods(): ShardedPod[] {
    return [...this.#serving];
  }
  get recovering(): Recovering {
    return this.#assembly.recovering;
  }
  get asked(): number {
    return this.clients.reduce((sum, { asked }) => sum + asked, 0);
  }
  get violations(): Finding[] {
    return [...this.shards.flatMap(({ violations }) => violations), ...this.#own];
  }
  fail(kind: 'stuck' | 'broken' | 'not-persisted', what: string): void {
    this.#own.push({ kind, what });
  }

  startPod(): ShardedPod {
    const name = `pod${++this.#incarnations}`;
    const random = this.#random.fork();
    const rate = random.chance(0.2) ? random.between(0.9, 1.1) : 1;
    const offsetMs = random.chance(0.2) ? random.whole(-20_000, 20_000) : random.whole(-50, 50);
    const process = new SimProcess(name, this.scheduler, random, { rate, offsetMs });
    const { seeing } = this.#assembly;
    const pod = new ShardedPod({ process, worlds: this.shards, events: this.#events(name), seeing });
    this.#serving.add(pod);
    pod.onDeath(() => this.#serving.delete(pod));
    return pod;
  }

  #strand(): void {
    const { history, scheduler, plan } = this;
    const client = this.newClient();
    client.stop();
    this.clients.push(client);
    const random = this.#random.fork();
    const process = new SimProcess('stranding', scheduler, random, { rate: 1, offsetMs: 0 });
    const isOver = () => scheduler.nowMs >= plan.loadMs;
    void strandSome({ client, process, random, history, shards: plan.shards.length, isOver });
  }

  /** Each client has a home shard, whose accounts it uses more often. */
  newClient(): Client {
    const { plan, scheduler, history } = this;
    const shards = plan.shards.length;
    const name = `client${this.clients.length + 1}`;
    const random = this.#random.fork();
    const offsetMs = random.chance(0.35) ? random.whole(-30_000, 40_000) : random.whole(-200, 200);
    const home = plan.shards[this.clients.length % shards];
    const [world = '', hot = ''] = home?.accountIds ?? [];
    return new Client(
      {
        process: new SimProcess(name, scheduler, random, { rate: 1, offsetMs }),
        scheduler,
        random,
        history,
        plan: {
          thinkMs: random.between(60, 160),
          accounts: plan.shards.flatMap(({ accountIds }) => accountIds),
          hot,
          world,
          amountMax: home?.plan.amountMax ?? 20,
          statuses: ['ACTIVE', 'ACTIVE', 'ACTIVE', 'FROZEN', 'FROZEN', 'SUSPENDED', 'CLOSED'],
          changeWeight: 25,
          groupWeight: plan.groupWeight,
          holdWeight: plan.holdWeight,
          reversalWeight: plan.reversalWeight,
        },
        pods: () => [...this.#serving],
        keyOf: (transactionId, source) => keyOf(transactionId, source, shards),
        note: this.#trace ? (line) => this.note(line) : null,
        onPersisted: (outcome) => this.#mustBePersisted(outcome),
        onPersistedHold: (holdId, revision) => this.#holdMustBePersisted(holdId, revision),
      },
      this.#sharedOrders,
    );
  }

  #events(name: string): CrossingEvents {
    const note = (line: string) => this.note(`${name} ${line}`);
    return {
      ended: ({ transactionId, from, to }, end, by) => note(`${transactionId} ${from}>${to} is ${end} by ${by}`),
      legFailed: ({ transactionId, from, to }, leg, code, isUnexpected) => {
        note(`${leg} of ${transactionId} ${from}>${to}: ${code}`);
        if (isUnexpected) this.fail('broken', `${leg} of ${transactionId} ${from}>${to} got ${code}`);
      },
      courierFailed: (from, to, error) => {
        note(`courier ${from}>${to}: ${error}`);
        if (!(error instanceof Problem)) this.fail('broken', `courier ${from}>${to}: ${error}`);
      },
      open: () => {},
    };
  }

  #mustBePersisted(outcome: Outcome): void {
    const { transactionId, source, destination } = outcome.order;
    const [from, to] = [source, destination].map((accountId) => shardOfAccount(accountId, this.shards.length));
    const has = (shard: number | undefined, id: string) => this.shards[shard ?? -1]?.mysql.tables.transfers.get(id);
    const left = has(from, transactionId);
    const isReturned = outcome.status === 'REJECTED' && left?.status === 'POSTED';
    const inId = legIdOf(transactionId, 'in', from ?? 0);
    const isRestored = this.restored.some(({ refusal }) => refusal.order.transactionId === inId);
    const isThere = from === to || isRestored || (outcome.status === 'REJECTED' && !isReturned) || has(to, inId);
    if (!left || !isThere) this.fail('not-persisted', `${transactionId} was reported as persisted`);
  }

  #holdMustBePersisted(holdId: string, revision: number): void {
    const holds = this.shards.flatMap(({ mysql }) => mysql.tables.holds.get(holdId) ?? []);
    if (holds.some(({ state }) => (state?.revision ?? 0) >= revision)) return;
    this.fail('not-persisted', `r${revision} of hold ${holdId} was reported as persisted`);
  }
}

function partIn(pod: ShardedPod, shard: number, world: World): SimPod {
  const part = pod.parts[shard];
  if (!part) throw new RangeError(`${pod.process.name} has no part in ${world.plan.theme} shard ${shard}`);
  return part;
}
