import type { CachedAccount } from '../../app/journal/codec.ts';
import type { CacheModel } from '../../app/journal/testing/cache-model.ts';
import type { Random } from '../core/random.ts';
import type { Scheduler } from '../core/scheduler.ts';
import { EPOCH_MS } from '../core/sim-process.ts';

/** A command as the server runs it. */
export interface Command {
  name: string;
  /** What it changes goes into the append-only file. */
  writes: boolean;
  /** The epoch that it activates. */
  begins?: number;
  run(node: RedisNode): Promise<unknown>;
}

/** Whoever waits for the reply. */
interface Arrived {
  command: Command;
  reply(answer: Reply): void;
}
export type Reply = { ok: true; value: unknown } | { ok: false; error: unknown };

/** A write as it can be done again: by which name the server went at that time, and what was done. */
interface LogEntry {
  replid: string;
  /** The server's clock when it was done: what is done again has the times that it had. */
  atMs: number;
  run(node: RedisNode): Promise<unknown>;
  /** It was refused: nothing of it is in the file. */
  refused: boolean;
}

export type NewModel = (replid: string) => CacheModel;

/**
 * One Redis server: `appendfsync always`, so the replies of a turn go out when what the turn wrote is on disk. Its data is
 * the model of the Lua scripts; its append-only file is the list of what was written, and a restart does that again.
 */
export class RedisNode {
  /** `appenddirname`: the name that does not replicate. */
  readonly name: string;
  state: 'up' | 'down' | 'frozen' = 'up';
  connectedReplicas = 0;
  /** The epochs that were activated on this server and whose keys no fault has taken from it. */
  readonly begun = new Set<number>();
  replicationForbidden: boolean;
  /** Until then every script that may need memory is refused. */
  fullUntilMs = 0;
  model: CacheModel;
  #log: LogEntry[] = [];
  #synced = 0;
  #waiting: Arrived[] = [];
  #unsent: (() => void)[] = [];
  #syncing = false;
  #syncDue = false;
  /** Grows with every crash: what belonged to the life before does not happen. */
  #life = 0;
  #wallOffsetMs = 0;
  /** While the log is done again. */
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

  /** Its clock on the wall, ms since 1970. */
  get wallMs(): number {
    return EPOCH_MS + Math.floor(this.#scheduler.nowMs) + this.#wallOffsetMs;
  }
  /** The wall clock is set. */
  jump(ms: number): void {
    this.#wallOffsetMs += ms;
  }

  get replid(): string {
    return this.model.replid;
  }
  get role(): 'master' | 'slave' {
    return this.model.role;
  }
  /** A server that reads its append-only file takes all of it, whatever its memory. */
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

  /** Runs when the server's connections break. @returns what ends it */
  onCrash(listener: () => void): () => void {
    this.#crashListeners.add(listener);
    return () => this.#crashListeners.delete(listener);
  }

  /** Stops answering; what arrives waits, also what comes on connections that their clients give up meanwhile. */
  freeze(): void {
    if (this.state === 'up') this.state = 'frozen';
  }
  thaw(): void {
    if (this.state !== 'frozen') return;
    this.state = 'up';
    if (this.#syncDue) this.#finishSync();
    else this.#turn();
  }

  /** Dies: what was not on disk is gone, but for some of it; nobody was told of it. */
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
  /** Comes back with what its disk has, under a new replid. */
  start(): void {
    if (this.state !== 'down') return;
    this.#rebuild(this.#log, this.#random.hex(40));
    this.state = 'up';
  }

  /** Becomes what another server was when it had written so much. */
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
    // As if at random, but the same when the log is done again.
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
      // The model works at once; its promise only says so later.
      entry.run(this).catch(() => {});
    }
    this.#replayedMs = null;
    this.model.replid = replid;
    this.model.role = role;
    this.#log = [...log];
    this.#synced = log.length;
  }

  /** One turn of its event loop: all that has arrived, then one fsync, then the replies. */
  #turn(): void {
    if (this.state !== 'up' || this.#syncing || this.#waiting.length === 0) return;
    const arrived = this.#waiting;
    this.#waiting = [];
    const life = this.#life;
    let writes = false;
    for (const { command, reply } of arrived) {
      const { replid } = this;
      const entry: LogEntry = { replid, atMs: this.wallMs, run: command.run, refused: false };
      // In the order in which they run, whichever of the promises is the first to tell.
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
