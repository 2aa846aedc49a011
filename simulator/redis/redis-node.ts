import type { CachedAccount } from '../../app/journal/account-codec.ts';
import type { CacheModel } from '../../app/journal/testing/cache-model.ts';
import type { Random } from '../core/random.ts';
import type { Scheduler } from '../core/scheduler.ts';
import { EPOCH_MS } from '../core/sim-process.ts';

/** A command as the server executes it. */
export interface Command {
  name: string;
  /** Whether its changes are written to the append-only file. */
  writes: boolean;
  /** The epoch that it activates. */
  begins?: number;
  run(node: RedisNode): Promise<unknown>;
}

/** A command that has arrived, and the function that delivers its reply. */
interface Arrived {
  command: Command;
  reply(answer: Reply): void;
}
export type Reply = { ok: true; value: unknown } | { ok: false; error: unknown };

/** A write that can be replayed: the command, and the server's replid when it ran. */
interface LogEntry {
  replid: string;
  /** The server's clock when the command ran: a replayed write has its original times. */
  atMs: number;
  run(node: RedisNode): Promise<unknown>;
  /** Whether the command was refused. If so, the append-only file does not contain it. */
  refused: boolean;
}

export type NewModel = (replid: string) => CacheModel;

/**
 * A Redis server with `appendfsync always`: the replies of a turn are sent once its writes are on disk. Its data is the
 * model of the Lua scripts; its append-only file is the list of writes, which a restart replays.
 */
export class RedisNode {
  /** `appenddirname`: the name that is not replicated. */
  readonly name: string;
  state: 'up' | 'down' | 'frozen' = 'up';
  connectedReplicas = 0;
  /** The epochs that were activated on this server and whose keys no fault has deleted. */
  readonly begun = new Set<number>();
  replicationForbidden: boolean;
  /** Until this time, every script that may need memory is refused. */
  fullUntilMs = 0;
  model: CacheModel;
  #log: LogEntry[] = [];
  #synced = 0;
  #waiting: Arrived[] = [];
  #unsent: (() => void)[] = [];
  #syncing = false;
  #syncDue = false;
  /** Incremented by every crash: events from before it are discarded. */
  #life = 0;
  #wallOffsetMs = 0;
  /** The original time of the write that is being replayed; null unless the file is being replayed. */
  #replayedMs: number | null = null;
  readonly #scheduler: Scheduler;
  readonly #random: Random;
  readonly #newModel: NewModel;
  readonly #unsyncedMax: number;
  readonly #crashListeners = new Set<() => void>();

  constructor(
    name: string,
    deps: {
      scheduler: Scheduler;
      random: Random;
      newModel: NewModel;
      replicationForbidden: boolean;
      unsyncedMax: number;
    },
  ) {
    this.name = name;
    this.#scheduler = deps.scheduler;
    this.#random = deps.random;
    this.#newModel = deps.newModel;
    this.#unsyncedMax = deps.unsyncedMax;
    this.replicationForbidden = deps.replicationForbidden;
    this.model = this.#modelOf(this.#random.hex(40));
  }

  /** Its wall clock, ms since 1970. */
  get wallMs(): number {
    return EPOCH_MS + Math.floor(this.#scheduler.nowMs) + this.#wallOffsetMs;
  }
  /** Moves the wall clock by `ms`. */
  jump(ms: number): void {
    this.#wallOffsetMs += ms;
  }

  get replid(): string {
    return this.model.replid;
  }
  get role(): 'master' | 'slave' {
    return this.model.role;
  }
  /** A server that loads its append-only file loads all of it, regardless of its memory limit. */
  get full(): boolean {
    return this.#replayedMs === null && this.#scheduler.nowMs < this.fullUntilMs;
  }
  /** Writes that are on disk. */
  get synced(): number {
    return this.#synced;
  }

  receive(arrived: Arrived): void {
    if (this.state === 'down') return;
    this.#waiting.push(arrived);
    this.#turn();
  }

  /** Called when the server's connections break. @returns a function that unsubscribes */
  onCrash(listener: () => void): () => void {
    this.#crashListeners.add(listener);
    return () => this.#crashListeners.delete(listener);
  }

  /**
   * Stops responding; incoming commands wait, including those on connections that their clients give up in the
   * meantime.
   */
  freeze(): void {
    if (this.state === 'up') this.state = 'frozen';
  }
  thaw(): void {
    if (this.state !== 'frozen') return;
    this.state = 'up';
    if (this.#syncDue) this.#finishSync();
    else this.#turn();
  }

  /** Crashes: most of the writes that were not on disk are lost; no reply was sent for any of them. */
  crash(): void {
    this.state = 'down';
    this.#life += 1;
    this.#waiting = [];
    this.#unsent = [];
    this.#syncing = false;
    this.#syncDue = false;
    const survives = this.#random.whole(Math.max(0, this.#synced - this.#unsyncedMax), this.#log.length);
    this.#log.length = survives;
    this.#synced = survives;
    for (const listener of [...this.#crashListeners]) listener();
  }
  loseDisk(): void {
    this.#log = [];
    this.#synced = 0;
    this.begun.clear();
  }
  /** Restarts with the contents of its disk, under a new replid. */
  start(): void {
    if (this.state !== 'down') return;
    this.#rebuild(this.#log, this.#random.hex(40));
    this.state = 'up';
  }

  /** Takes the state that another server had after this many writes. */
  resyncFrom(other: RedisNode, upTo: number): void {
    this.#life += 1;
    this.#waiting = [];
    this.#unsent = [];
    this.#syncing = false;
    this.#syncDue = false;
    this.#rebuild(other.#log.slice(0, upTo), this.#random.hex(40));
    this.begun.clear();
  }
  demote(): void {
    this.model.role = 'slave';
  }
  promote(): void {
    this.model.role = 'master';
    this.model.replid = this.#random.hex(40);
  }
  get logLength(): number {
    return this.#log.length;
  }

  #modelOf(replid: string): CacheModel {
    const model = this.#newModel(replid);
    model.now = () => this.#replayedMs ?? this.wallMs;
    // Evicts in an order that looks random, but is the same when the file is replayed.
    const rank = ({ accountId, seq }: CachedAccount) =>
      Math.imul(seq + accountId.charCodeAt(accountId.length - 1) * 31, 0x9e3779b1) >>> 0;
    model.evict = (clean, needed) => [...clean].sort((a, b) => rank(a) - rank(b)).slice(0, needed);
    return model;
  }

  #rebuild(log: LogEntry[], replid: string): void {
    const { role } = this.model;
    this.model = this.#modelOf(replid);
    for (const entry of log) {
      if (entry.refused) continue;
      this.model.replid = entry.replid;
      this.#replayedMs = entry.atMs;
      // The model executes immediately; its promise only reports that later.
      entry.run(this).catch(() => {});
    }
    this.#replayedMs = null;
    this.model.replid = replid;
    this.model.role = role;
    this.#log = [...log];
    this.#synced = log.length;
  }

  /** Runs one turn of the server's event loop: all commands that have arrived, then one fsync, then the replies. */
  #turn(): void {
    if (this.state !== 'up' || this.#syncing || this.#waiting.length === 0) return;
    const arrived = this.#waiting;
    this.#waiting = [];
    const life = this.#life;
    let writes = false;
    for (const { command, reply } of arrived) {
      const { replid } = this;
      const entry: LogEntry = { replid, atMs: this.wallMs, run: command.run, refused: false };
      // The log is in the order of execution, whichever promise resolves first.
      if (command.writes) this.#log.push(entry);
      const answered = command.run(this).then(
        (value): Reply => {
          if (command.begins !== undefined && life === this.#life) this.begun.add(command.begins);
          return { ok: true, value };
        },
        (error: unknown): Reply => {
          entry.refused = true;
          return { ok: false, error };
        },
      );
      writes ||= command.writes;
      this.#unsent.push(() => void answered.then(reply));
    }
    this.#syncing = true;
    if (!writes) {
      this.#finishSync();
      return;
    }
    const syncMs = this.#random.exponential(0.3) + (this.#random.chance(0.01) ? 30 : 0);
    this.#scheduler.after(syncMs, () => {
      if (life !== this.#life) return;
      if (this.state === 'frozen') this.#syncDue = true;
      else this.#finishSync();
    });
  }

  #finishSync(): void {
    this.#syncDue = false;
    this.#syncing = false;
    this.#synced = this.#log.length;
    const unsent = this.#unsent;
    this.#unsent = [];
    for (const send of unsent) send();
    this.#turn();
  }
}
