import type { EpochRecoveryStore } from '../../app/authority/authority-ports.ts';
import type { Outcome } from '../../app/domain/types.ts';
import { CursorConflictError } from '../../app/journal/cursor.ts';
import { IntegrityError } from '../../app/journal/flush-batch.ts';
import type { Logger } from '../../app/kernel/log.ts';
import { Recording } from '../../verification/checker/history.ts';
import type { Violation } from '../../verification/checker/violations.ts';
import { Link } from '../core/link.ts';
import type { Random } from '../core/random.ts';
import { Scheduler } from '../core/scheduler.ts';
import { SimProcess } from '../core/sim-process.ts';
import type { OnAllowed } from '../mysql/former-tables.ts';
import { MysqlClient } from '../mysql/mysql-client.ts';
import { MysqlServer } from '../mysql/mysql-server.ts';
import { RedisClient } from '../redis/redis-client.ts';
import { RedisNode } from '../redis/redis-node.ts';
import { RedisService } from '../redis/redis-service.ts';
import { Client, SharedOrders } from './clients.ts';
import { ForeignKeeper } from './foreign-keeper.ts';
import { accountIdsOf, openAccounts } from './opening.ts';
import type { Plan } from './plan.ts';
import type { Assembly, PodPorts } from './ports.ts';
import { TIMES } from './settings.ts';
import { SimKeeper } from './sim-keeper.ts';
import { SimPod } from './sim-pod.ts';

/** Violations that the simulator itself detects, in addition to the checker. */
export interface Incident {
  kind: keyof typeof INCIDENTS;
  what: string;
}
const INCIDENTS = {
  former: 'a process of the former release changed a ledger in format 2',
  'not-persisted': 'an outcome was reported as persisted, but was not in MySQL',
  foreign: 'another ledger changed the Redis of this one',
  stuck: 'the system did not recover',
  broken: 'a component failed in a way that no fault explains',
} as const;
export type Finding = Violation | Incident;

/** The identity by which the models of Redis know their owner, unless a test sets another one. */
const OWN_LEDGER = 'ledger';
/** The prefix in the names of the processes of release 0.1.0. */
export const FORMER = 'former-';
const FORMAT_TRY_MS = 300;

/** The links of one process, by store. */
export interface Links {
  redis: Link;
  mysql: Link;
}

/** What a world has in common with the others, if it is one of several shards. */
export interface Common {
  scheduler: Scheduler;
  history: Recording;
  shard: number;
  accountIds: readonly string[];
  /** Starts a pod that has a session in every shard. @returns the part of it that belongs to this world */
  startPod(world: World): SimPod;
  /** Requests without an answer. */
  asked(): number;
}

/** A whole system in virtual time: stores, pods, keepers and clients, and the answers that clients got. */
export class World {
  readonly scheduler: Scheduler;
  /** Requests have no time limit, because a paused pod may execute a request at any later time. */
  readonly history: Recording;
  readonly mysql: MysqlServer;
  readonly redis = new RedisService();
  readonly pods: SimPod[] = [];
  /** Pods that accept requests. */
  readonly serving = new Set<SimPod>();
  readonly keepers: SimKeeper[] = [];
  readonly foreigners: ForeignKeeper[] = [];
  /** Processes of release 0.1.0. Its pods are among `pods`, too; they are stopped before the system has to recover. */
  readonly formers: { process: SimProcess; kill(): void }[] = [];
  readonly clients: Client[] = [];
  readonly violations: Finding[] = [];
  /** True once no fault may begin or continue. */
  healed = false;
  /** Whether pods end holds that are due. */
  expiring = true;
  readonly plan: Plan;
  readonly random: Random;
  readonly #links = new Map<SimProcess, Links>();
  readonly #assembly: Assembly;
  readonly #common: Common | null;
  readonly #trace: ((line: string) => void) | null;
  #moving = false;
  #incarnations = 0;
  #nodes = 0;
  readonly #shared = new SharedOrders();

  /** @param common null: the world is a whole ledger of its own */
  constructor(
    random: Random,
    plan: Plan,
    assembly: Assembly,
    trace: ((line: string) => void) | null,
    common: Common | null = null,
  ) {
    this.#common = common;
    this.scheduler = common?.scheduler ?? new Scheduler();
    this.history = common?.history ?? new Recording(Number.POSITIVE_INFINITY);
    this.mysql = new MysqlServer(this.scheduler);
    this.random = random;
    this.plan = plan;
    this.#assembly = assembly;
    this.#trace = trace;
    openAccounts(this, common?.accountIds ?? accountIdsOf(plan));
    this.mysql.tables.authority = { ...this.mysql.tables.authority, format: plan.format };
    this.redis.pointTo(this.newNode());
    for (let pod = 0; pod < plan.pods; pod++) this.startPod();
    for (let keeper = 0; keeper < plan.keepers; keeper++) this.startKeeper();
    for (let client = 0; client < plan.clients; client++) this.clients.push(this.newClient());
  }

  note(line: string): void {
    const of = this.#common ? ` s${this.#common.shard}` : '';
    this.#trace?.(`${this.scheduler.nowMs.toFixed(2).padStart(9)}${of} ${line}`);
  }
  get tracing(): boolean {
    return this.#trace !== null;
  }

  newNode(): RedisNode {
    const { redisNamed, redisReplicated } = this.plan;
    const number = ++this.#nodes;
    const node = new RedisNode(redisNamed ? `node-${number}` : 'appendonlydir', {
      scheduler: this.scheduler,
      random: this.random.fork(),
      newModel: this.#assembly.newModel,
      unsyncedMax: this.#assembly.unsyncedMax,
      replicationForbidden: !redisReplicated,
    });
    this.redis.nodes.push(node);
    return node;
  }

  startPod(release?: typeof FORMER): SimPod {
    if (this.#common && !release) return this.#common.startPod(this);
    return this.addPod(this.#process(`${release ?? ''}pod${++this.#incarnations}`), release).pod;
  }

  /** Starts a pod's session and ledger in a process. */
  addPod(process: SimProcess, release?: typeof FORMER): { pod: SimPod; mysql: MysqlClient; ports: PodPorts } {
    if (!this.#links.has(process)) this.#link(process, this.random.fork());
    const { redis, mysql } = this.#clientsOf(process, () => pod.session.lostRedis());
    const ports = release
      ? this.#assembly.formerPodPorts(mysql, redis, process, this.#onFormer(process))
      : this.#assembly.podPorts(mysql, redis, process);
    const pod: SimPod = new SimPod({
      process,
      redis,
      ports,
      logger: this.#logger(process.name),
      cachedAccountsMax: this.plan.cachedAccountsMax,
      mayExpire: () => this.expiring,
    });
    if (release) this.formers.push(pod);
    this.pods.push(pod);
    this.serving.add(pod);
    pod.onDeath(() => this.serving.delete(pod));
    return { pod, mysql, ports };
  }

  startForeignKeeper(): ForeignKeeper {
    const process = this.#process(`foreigner${++this.#incarnations}`);
    const { redis } = this.#clientsOf(process, () => {}, 'another ledger');
    const foreigner = new ForeignKeeper(process, redis, (what) =>
      this.violations.push({ kind: 'foreign', what: `${process.name} was allowed to ${what}` }),
    );
    this.foreigners.push(foreigner);
    return foreigner;
  }

  startKeeper(release?: typeof FORMER): SimKeeper {
    const process = this.#process(`${release ?? ''}keeper${++this.#incarnations}`);
    const { redis, mysql } = this.#clientsOf(process, () => {});
    const keeper = new SimKeeper({
      process,
      redis,
      ports: release
        ? this.#assembly.formerKeeperPorts(mysql, redis, this.#onFormer(process))
        : this.#assembly.keeperPorts(mysql, redis),
      logger: this.#logger(process.name),
      idWindowMs: this.plan.idWindowMs,
      cachedHoldsMax: this.plan.cachedHoldsMax,
      onBroken: (error) => this.#broken(process.name, error),
    });
    if (release) this.formers.push({ process, kill: () => process.kill() });
    else this.keepers.push(keeper);
    return keeper;
  }

  #onFormer(process: SimProcess): OnAllowed {
    return (what) => this.violations.push({ kind: 'former', what: `${process.name} was allowed to ${what}` });
  }

  /** An operator tries to move the rules to format 2 until the move succeeds. */
  moveFormat(): void {
    if (this.#moving) return;
    this.#moving = true;
    const process = this.#process('operator of the format');
    const { mysql } = this.#clientsOf(process, () => {});
    const formats = new this.#assembly.Formats(mysql);
    const by = { keeper: 'operator', reason: 'to format 2' };
    const tryOnce = async () => {
      const moved = await formats.raise(await formats.read(), by);
      if (moved) this.note(`the rules move to format ${moved.format} in epoch ${moved.epoch}`);
    };
    const tries = async () => {
      while (this.mysql.tables.authority.format === 1) {
        await tryOnce().catch(() => {});
        await process.sleep(FORMAT_TRY_MS);
      }
    };
    void tries();
  }

  newClient(): Client {
    const { plan, scheduler, history } = this;
    const name = `client${this.clients.length + 1}`;
    const random = this.random.fork();
    const offsetMs = random.chance(0.35) ? random.whole(-30_000, 40_000) : random.whole(-200, 200);
    return new Client(
      {
        process: new SimProcess(name, scheduler, random, { rate: 1, offsetMs }),
        scheduler,
        random,
        history,
        plan: {
          thinkMs: plan.thinkMs,
          accounts: this.history.accounts.map(({ accountId }) => accountId),
          hot: 'hot',
          world: 'world',
          amountMax: plan.amountMax,
          statuses: ['ACTIVE', 'ACTIVE', 'SUSPENDED'],
          changeWeight: plan.changeWeight,
          groupWeight: plan.groupWeight,
          holdWeight: plan.holdWeight,
        },
        pods: () => [...this.serving],
        keyOf: (transactionId) => transactionId,
        note: this.tracing ? (line) => this.note(line) : null,
        onPersisted: (outcome) => this.#mustBePersisted(outcome),
        onPersistedHold: (holdId, revision) => this.#holdMustBePersisted(holdId, revision),
      },
      this.#shared,
    );
  }

  /** The tools of an operator, in a separate process. */
  operator(): EpochRecoveryStore {
    const process = this.#process('operator');
    const { mysql, redis } = this.#clientsOf(process, () => {});
    return this.#assembly.keeperPorts(mysql, redis).recoveryStore;
  }

  linksOf(process: SimProcess): Links {
    const links = this.#links.get(process);
    if (!links) throw new RangeError(`${process.name} has no links`);
    return links;
  }

  get livePods(): SimPod[] {
    return this.pods.filter(({ process }) => process.alive);
  }
  get liveKeepers(): SimKeeper[] {
    return this.keepers.filter(({ process }) => process.alive);
  }
  /** Requests without an answer. */
  get asked(): number {
    if (this.#common) return this.#common.asked();
    let sum = 0;
    for (const { asked } of this.clients) sum += asked;
    return sum;
  }

  #process(name: string): SimProcess {
    const random = this.random.fork();
    const rate = random.chance(0.2) ? random.between(0.9, 1.1) : 1;
    const offsetMs = random.chance(0.2) ? random.whole(-20_000, 20_000) : random.whole(-50, 50);
    const process = new SimProcess(name, this.scheduler, random, { rate, offsetMs });
    this.#link(process, random);
    return process;
  }
  #link(process: SimProcess, random: Random): void {
    this.#links.set(process, {
      redis: new Link(this.scheduler, random.fork(), 0.4),
      mysql: new Link(this.scheduler, random.fork(), 0.8),
    });
  }

  #clientsOf(
    process: SimProcess,
    onClose: () => void,
    ledgerId = OWN_LEDGER,
  ): { redis: RedisClient; mysql: MysqlClient } {
    const { scheduler } = this;
    const links = this.linksOf(process);
    const { connectTimeoutMs, commandTimeoutMs, queryTimeoutMs } = TIMES;
    const redis = new RedisClient({
      process,
      scheduler,
      service: this.redis,
      link: links.redis,
      connectTimeoutMs,
      commandTimeoutMs,
      ledgerId,
      onClose,
    });
    const random = this.random.fork();
    const mysql = new MysqlClient({
      process,
      scheduler,
      random,
      server: this.mysql,
      link: links.mysql,
      queryTimeoutMs,
    });
    return { redis, mysql };
  }

  #logger(name: string): Logger {
    const line = (level: string) => (fields: object, message: string) => {
      if (this.tracing) this.note(`${name} ${level} ${message} ${JSON.stringify(fields, textOfErrors)}`);
    };
    return { info: line('info'), warn: line('warn'), error: line('error') };
  }

  /**
   * Reports books that contradict each other. An error while a loss is accepted is expected: a keeper that still reads
   * the journal is refused.
   */
  #broken(name: string, error: unknown): void {
    this.note(`${name} fails: ${error instanceof Error ? `${error.name} ${error.message}` : error}`);
    if (error instanceof CursorConflictError || this.mysql.tables.recovery?.accepted) return;
    const isBroken = error instanceof IntegrityError || error instanceof TypeError || error instanceof RangeError;
    if (isBroken) this.violations.push({ kind: 'broken', what: `${name}: ${error.message}` });
  }

  #mustBePersisted({ order }: Outcome): void {
    if (this.mysql.tables.transfers.has(order.transactionId)) return;
    this.violations.push({ kind: 'not-persisted', what: `${order.transactionId} was reported as persisted` });
  }
  #holdMustBePersisted(holdId: string, revision: number): void {
    const hold = this.mysql.tables.holds.get(holdId);
    if (hold && (hold.state?.revision ?? 0) >= revision) return;
    this.violations.push({ kind: 'not-persisted', what: `r${revision} of hold ${holdId} was reported as persisted` });
  }
}

const textOfErrors = (_key: string, value: unknown): unknown => (value instanceof Error ? value.message : value);
