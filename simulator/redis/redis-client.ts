import type { ServerFacts } from '../../app/authority/server-facts.ts';
import type { NamedEpoch } from '../../app/domain/authority.ts';
import type { BusinessCalendar } from '../../app/domain/business-calendar.ts';
import type { StoredHold } from '../../app/domain/hold-types.ts';
import type { Account } from '../../app/domain/types.ts';
import {
  type ApplyReply,
  CacheError,
  type CacheKeeper,
  type CacheServer,
  type Caller,
  type CallItem,
  type ChangeCommand,
  type FenceCaller,
  type FindReply,
  isGroup,
  isHold,
  type KeeperCaller,
  type Ownership,
} from '../../app/journal/cache-port.ts';
import type { Head } from '../../app/journal/codec.ts';
import { Deadlines } from '../core/deadlines.ts';
import type { Link } from '../core/link.ts';
import type { Scheduler } from '../core/scheduler.ts';
import type { SimProcess } from '../core/sim-process.ts';
import type { Command, RedisNode, Reply } from './redis-node.ts';
import type { RedisService } from './redis-service.ts';

interface RedisClientDependencies {
  process: SimProcess;
  scheduler: Scheduler;
  service: RedisService;
  link: Link;
  connectTimeoutMs: number;
  commandTimeoutMs: number;
  /** The identity that it passes to the scripts. */
  ledgerId: string;
  /** Called when a connection that was ready is lost. */
  onClose(): void;
}

interface Request {
  settle(reply: Reply): void;
}

interface Connection {
  node: RedisNode;
  open: boolean;
  /** The server has reset the connection: commands that have not arrived yet are discarded. */
  severed: boolean;
  requests: Set<Request>;
  /** The arrival time of the latest command, because commands on one connection stay in order. */
  lastThereMs: number;
  lastBackMs: number;
  forget(): void;
}

const timedOut = () => new CacheError('in_doubt', 'Command timed out');
const closed = () => new CacheError('in_doubt', 'Connection is closed.');

/**
 * A process's connection to Redis, with the behavior of the real client: nothing waits for a connection, nothing is
 * sent twice, a command that gets no reply in time is in doubt while it may still run, and a connection that answers no
 * ping is given up. Commands that were sent on a connection before it was given up may still arrive.
 */
export class RedisClient implements CacheServer, CacheKeeper {
  readonly #deps: RedisClientDependencies;
  #connection: Connection | null = null;
  #ready = false;
  #attempts = 0;
  readonly #commands: Deadlines;
  readonly #connects: Deadlines;

  constructor(deps: RedisClientDependencies) {
    this.#deps = deps;
    this.#commands = new Deadlines(deps.process, deps.commandTimeoutMs);
    this.#connects = new Deadlines(deps.process, deps.connectTimeoutMs);
    this.#connect();
    this.#watch();
  }

  get ready(): boolean {
    return this.#ready;
  }
  async probe(): Promise<void> {
    await this.#call('ping', false, async () => 'PONG');
  }
  /** Gives up the connection and everything in progress on it, and opens a new one. */
  cut(): void {
    if (this.#connection) this.#close(this.#connection);
  }

  register(caller: Caller, marker: string): Promise<Head> {
    return this.#call('register', true, ({ model }) => model.register(caller, marker));
  }
  apply(caller: Caller, items: readonly CallItem[], podNow?: number): Promise<ApplyReply> {
    // A copy made when the command is sent, because the pod's own objects continue to change.
    const packed = items.map(copyOf);
    return this.#call('apply', true, async (node) => {
      if (node.full) throw new CacheError('unable', 'OOM');
      return node.model.apply(caller, packed, podNow);
    });
  }
  read(caller: Caller, accountIds: readonly string[]) {
    return this.#call('read', false, ({ model }) => model.read(caller, accountIds));
  }
  install(
    caller: Caller,
    accounts: readonly Account[],
    snapshotCursor: number,
    accountsMax: number,
    acceptedUpTo?: number,
  ) {
    const packed = accounts.map((account) => ({ ...account }));
    return this.#call('install', true, async (node) => {
      if (node.full) throw new CacheError('unable', 'OOM');
      return node.model.install(caller, packed, snapshotCursor, accountsMax, acceptedUpTo);
    });
  }
  readHolds(caller: Caller, holdIds: readonly string[]) {
    return this.#call('readHolds', false, ({ model }) => model.readHolds(caller, holdIds));
  }
  installHolds(caller: Caller, holds: readonly StoredHold[], snapshotCursor: number) {
    return this.#call('installHolds', true, async (node) => {
      if (node.full) throw new CacheError('unable', 'OOM');
      return node.model.installHolds(caller, holds, snapshotCursor);
    });
  }
  evictHolds(caller: KeeperCaller, holdsMax: number) {
    return this.#call('evictHolds', true, ({ model }) => model.evictHolds(caller, holdsMax));
  }
  find(caller: Caller, ids: readonly string[]): Promise<FindReply> {
    return this.#call('find', false, ({ model }) => model.find(caller, ids));
  }
  change(caller: Caller, command: ChangeCommand) {
    return this.#call('change', true, async (node) => {
      if (node.full) throw new CacheError('unable', 'OOM');
      return node.model.change(caller, command);
    });
  }

  journal(caller: KeeperCaller, afterSeq: number, entriesMax: number) {
    return this.#call('journal', false, ({ model }) => model.journal(caller, afterSeq, entriesMax));
  }
  publish(caller: KeeperCaller, cursor: number, trimUpTo: number): Promise<Head> {
    return this.#call('publish', true, ({ model }) => model.publish(caller, cursor, trimUpTo));
  }
  forget(caller: KeeperCaller, buckets: readonly number[], turnOthers: boolean): Promise<Head> {
    return this.#call('forget', true, ({ model }) => model.forget(caller, buckets, turnOthers));
  }
  lowerHorizon(caller: KeeperCaller, lookupHorizon: number, ids: readonly string[]): Promise<Head> {
    return this.#call('lowerHorizon', true, ({ model }) => model.lowerHorizon(caller, lookupHorizon, ids));
  }
  setCalendar(caller: KeeperCaller, calendar: BusinessCalendar): Promise<Head> {
    return this.#call('setCalendar', true, ({ model }) => model.setCalendar(caller, calendar));
  }
  retire(caller: KeeperCaller, podId: string): Promise<Head> {
    return this.#call('retire', true, ({ model }) => model.retire(caller, podId));
  }
  fence(epoch: number, replid: string): Promise<number> {
    return this.#call('fence', true, ({ model }) => model.fence(epoch, replid));
  }
  activate(named: NamedEpoch, replid: string, marker: string, lookupHorizon: number): Promise<string> {
    const activate = ({ model }: RedisNode) => model.activate(named, replid, marker, lookupHorizon);
    return this.#call('activate', true, activate, named.epoch);
  }
  /** Sends SCAN and then the script: two commands, between which anything may happen. */
  async sweepEpochsBefore(epoch: number, caller: FenceCaller): Promise<void> {
    await this.#call('scan', false, async () => []);
    await this.#call('sweep', true, ({ model }) => model.sweepEpochsBefore(epoch, caller));
  }
  ownership(replid: string): Promise<Ownership> {
    return this.#call('ownership', false, ({ model }) => model.ownership(replid));
  }
  claim(): Promise<boolean> {
    return this.#call('claim', true, ({ model }) => model.claim());
  }
  inspect(): Promise<ServerFacts> {
    return this.#call('inspect', false, async (node) => ({
      role: node.role,
      replid: node.replid,
      runId: node.name,
      formerReplid: '',
      version: '7.2.4',
      node: node.name,
      connectedReplicas: node.connectedReplicas,
      settings: {
        appendonly: 'yes',
        appendfsync: 'always',
        'maxmemory-policy': 'noeviction',
        'no-appendfsync-on-rewrite': 'no',
        appenddirname: node.name,
      },
      settingsFrom: 'server',
      replicationForbidden: node.replicationForbidden,
    }));
  }

  #call<T>(name: string, writes: boolean, run: (node: RedisNode) => Promise<T>, begins?: number): Promise<T> {
    const connection = this.#connection;
    if (!this.#ready || connection === null) {
      return Promise.reject(
        new CacheError('not_sent', "Stream isn't writeable and enableOfflineQueue options is false"),
      );
    }
    return new Promise<T>((resolve, reject) => {
      const runAs = (node: RedisNode) => node.model.as(this.#deps.ledgerId, () => run(node));
      const command: Command = { name, writes, run: runAs, ...(begins !== undefined && { begins }) };
      this.#send(connection, command, this.#commands, (reply) => {
        if (reply.ok) resolve(reply.value as T);
        else reject(reply.error);
      });
    });
  }

  #send(connection: Connection, command: Command, deadlines: Deadlines, settle: (reply: Reply) => void): void {
    const { scheduler, link } = this.#deps;
    let waits = true;
    const request: Request = {
      settle(reply) {
        if (!waits) return;
        waits = false;
        cancel();
        connection.requests.delete(request);
        settle(reply);
      },
    };
    const cancel = deadlines.begin(() => request.settle({ ok: false, error: timedOut() }));
    connection.requests.add(request);
    const arrivalMs = link.there.arrival();
    if (arrivalMs === null) return;
    connection.lastThereMs = Math.max(connection.lastThereMs, arrivalMs);
    scheduler.at(connection.lastThereMs, () => {
      if (connection.severed) return;
      connection.node.receive({ command, reply: (reply) => this.#reply(connection, request, reply) });
    });
  }

  #reply(connection: Connection, request: Request, reply: Reply): void {
    const { process, scheduler, link } = this.#deps;
    if (!connection.open) return;
    const arrivalMs = link.back.arrival();
    if (arrivalMs === null) return;
    connection.lastBackMs = Math.max(connection.lastBackMs, arrivalMs);
    scheduler.at(
      connection.lastBackMs,
      () => {
        if (connection.open) request.settle(reply);
      },
      process,
    );
  }

  #connect(): void {
    const { process, scheduler, service, link } = this.#deps;
    const node = service.resolve(process);
    if (node === null || node.state === 'down') {
      this.#retry();
      return;
    }
    const connection: Connection = {
      node,
      open: true,
      severed: false,
      requests: new Set(),
      lastThereMs: scheduler.nowMs,
      lastBackMs: scheduler.nowMs,
      forget: () => {},
    };
    connection.forget = node.onCrash(() => {
      connection.forget();
      connection.severed = true;
      // The reset is a message like any other, and can be lost like any other.
      const arrivalMs = link.back.arrival();
      if (arrivalMs !== null) scheduler.at(arrivalMs, () => this.#close(connection), process);
    });
    this.#connection = connection;
    const hello: Command = { name: 'hello', writes: false, run: async () => 'OK' };
    this.#send(connection, hello, this.#connects, (reply) => {
      if (this.#connection !== connection) return;
      if (!reply.ok) return this.#close(connection);
      this.#ready = true;
      this.#attempts = 0;
    });
  }

  #close(connection: Connection): void {
    if (!connection.open) return;
    connection.open = false;
    connection.forget();
    const wasReady = this.#ready && this.#connection === connection;
    if (this.#connection === connection) {
      this.#connection = null;
      this.#ready = false;
    }
    for (const request of [...connection.requests]) request.settle({ ok: false, error: closed() });
    if (wasReady) this.#deps.onClose();
    if (this.#connection === null) this.#retry();
  }

  #retry(): void {
    this.#attempts += 1;
    this.#deps.process.after(Math.min(25 * this.#attempts, 500), () => {
      if (this.#connection === null) this.#connect();
    });
  }

  /** Pings the server, because a connection whose peer vanished silently would otherwise never break. */
  #watch(): void {
    const { process, commandTimeoutMs } = this.#deps;
    process.after(commandTimeoutMs, () => {
      this.#watch();
      const connection = this.#connection;
      if (!this.#ready || connection === null) return;
      const ping: Command = { name: 'ping', writes: false, run: async () => 'PONG' };
      this.#send(connection, ping, this.#commands, (reply) => {
        if (!reply.ok) this.#close(connection);
      });
    });
  }
}

function copyOf(item: CallItem): CallItem {
  const { payload, lookupCursor } = item;
  if (isGroup(item)) return { group: item.group, payload, lookupCursor };
  if (isHold(item)) return { hold: item.hold, payload, lookupCursor, podNow: item.podNow };
  return { order: item.order, payload, lookupCursor };
}
