import type { Config } from '../../config/config.ts';
import { configOfShard } from '../../config/shard-config.ts';
import { hasOwnDatabases, isForShards, urlFor } from '../../config/shard-urls.ts';
import { Database } from '../../mysql/connection/pool.ts';
import { MysqlLogStore } from '../../mysql/ledger/log-store.ts';
import { MIGRATION_NAMES, migrate } from '../../mysql/schema/data-source.ts';
import { copyShard } from '../../mysql/split/copy.ts';
import { spansOf } from '../../mysql/split/spans.ts';
import {
  activate,
  beginFilling,
  block,
  CannotSplit,
  isDone,
  markDone,
  newState,
  type Origin,
  oldState,
  originOf,
  retire,
  runningProcesses,
  unblock,
} from '../../mysql/split/split-state.ts';
import { type Target, unknownTables } from '../../mysql/split/tables.ts';
import { booksOf, crossingsOf, sameAs } from '../../mysql/split/verify.ts';

export { CannotSplit };

const CONNECTIONS_MAX = 2;
const VERIFIED = 'verified';

export interface SplitPlan {
  config: Config;
  /** The number of new shards: a multiple of the number of old ones. */
  shards: number;
  /** The URL of their databases, with `{shard}` or as a list. */
  mysqlUrl: string;
  log(line: string): void;
  /** Called after each page that was copied. */
  onPage?: ((table: string, rows: number) => void) | undefined;
  pageRows?: number | undefined;
}

/**
 * Splits an idle ledger into one with more shards, in new databases. Every phase can be interrupted and repeated.
 * Before `finish`, the old databases are read and blocked, but not otherwise changed.
 */
export class Split implements AsyncDisposable {
  readonly #plan: SplitPlan;
  readonly #open: Database[] = [];
  readonly #current = new Map<string, Database>();

  /** @throws CannotSplit */
  constructor(plan: SplitPlan) {
    this.#plan = plan;
    const { shards, mysqlUrl } = plan;
    const before = plan.config.ledger.shards;
    if (shards <= before || shards % before !== 0)
      throw new CannotSplit(`${shards} is not a multiple of ${before}, the number of shards`);
    if (!isForShards(mysqlUrl, shards) || !hasOwnDatabases(mysqlUrl, shards))
      throw new CannotSplit(`each of the ${shards} new shards needs a database of its own`);
  }

  /** Copies and verifies. Nothing is final afterwards. @throws CannotSplit, SpansShards */
  async prepare(): Promise<void> {
    const { log } = this.#plan;
    const old = this.#olds();
    const states = await Promise.all(old.map((database, shard) => oldState(database, shard, old.length)));
    if (states.includes('retired')) throw new CannotSplit('this split is being finished: use --finish');
    for (const [shard, database] of old.entries()) await requireReady(database, shard);
    if (states.includes('in use')) await this.#requireDivisible(old);
    for (const [shard, state] of states.entries()) {
      if (state !== 'in use') continue;
      await sealAll(this.#oldAt(shard));
      await this.#change(this.#oldUrl(shard), (database) => block(database, shard, old.length));
      log(`old shard ${shard} is blocked: no process can use it`);
    }
    const origins = await Promise.all(this.#olds().map(originOf));
    for (const target of this.#targets()) await this.#fill(target, origins[target.parent] as Origin);
    await this.#verify(origins);
    log('verified. Nothing is final yet: run the command with --finish, or with --undo');
  }

  /** Makes a verified split final. @throws CannotSplit */
  async finish(): Promise<void> {
    const { log } = this.#plan;
    const old = this.#olds();
    const states = await Promise.all(old.map((database, shard) => oldState(database, shard, old.length)));
    // Once an old database is retired, the split is decided, and only the missing steps are carried out.
    const isDecided = states.includes('retired');
    if (!isDecided && states.includes('in use'))
      throw new CannotSplit('the old databases are in use: prepare the split first');
    const origins = await Promise.all(old.map(originOf));
    for (const target of this.#targets()) {
      const database = this.#newAt(target.shard);
      const state = await newState(database, target, origins[target.parent] as Origin);
      if (isDecided ? state === 'unused' : state !== 'filling' || !(await isDone(database, VERIFIED)))
        throw new CannotSplit(`the new shard ${target.shard} is not verified: prepare the split first`);
    }
    if (!isDecided) await requireUntouched(old);
    for (const [shard, state] of states.entries()) {
      if (state === 'retired') continue;
      const own = { shard, shards: old.length };
      await this.#change(this.#oldUrl(shard), (database) => retire(database, own, origins[shard] as Origin));
    }
    log('the old databases are retired');
    for (const target of this.#targets())
      await this.#change(this.#newUrl(target.shard), (database) => activate(database, target));
    log(`the ledger has ${this.#plan.shards} shards: set SHARDS and MYSQL_URL, and start keepers and pods`);
  }

  /** Lets processes use the old databases again. The new ones are useless afterwards. @throws CannotSplit */
  async undo(): Promise<void> {
    const old = this.#olds();
    const states = await Promise.all(old.map((database, shard) => oldState(database, shard, old.length)));
    if (states.includes('retired')) throw new CannotSplit('this split is final');
    for (const [shard, state] of states.entries()) {
      if (state !== 'blocked') continue;
      await this.#change(this.#oldUrl(shard), (database) => unblock(database, shard, old.length));
      this.#plan.log(`old shard ${shard} can be used again`);
    }
  }

  /** Reports what the split would do, or why it is not possible. Writes nothing. @throws CannotSplit */
  async check(): Promise<void> {
    const old = this.#olds();
    for (const [shard, database] of old.entries()) await requireReady(database, shard);
    await this.#requireDivisible(old);
  }

  async #requireDivisible(old: readonly Database[]): Promise<void> {
    const { log, shards } = this.#plan;
    const faults: string[] = [];
    for (const [shard, database] of old.entries()) {
      const { transfers, parted, spanning } = await spansOf(database, shards);
      log(`old shard ${shard}: ${parted} of ${transfers} transfers will be transfers between shards`);
      faults.push(...spanning.map((what) => `${what} would span the new shards`), ...(await booksOf(database, shard)));
    }
    if (old.length > 1) faults.push(...(await crossingsOf(old)));
    if (faults.length > 0) throw new CannotSplit(`this ledger cannot be split: ${faults.join('; ')}`);
  }

  async #fill(target: Target, origin: Origin): Promise<void> {
    const { log } = this.#plan;
    const { shard } = target;
    await migrate(this.#newUrl(shard));
    const state = await newState(this.#newAt(shard), target, origin);
    if (state === 'in use') throw new CannotSplit(`the new shard ${shard} is in use already`);
    if (state === 'unused')
      await this.#change(this.#newUrl(shard), (database) => beginFilling(database, target, origin));
    const [old, fresh] = [this.#oldAt(target.parent), this.#newAt(shard)];
    await copyShard({ old, fresh, target, pageRows: this.#plan.pageRows, onPage: this.#plan.onPage });
    log(`new shard ${shard} is filled`);
  }

  async #verify(origins: readonly Origin[]): Promise<void> {
    const { log } = this.#plan;
    const targets = this.#targets();
    const fresh = targets.map(({ shard }) => this.#newAt(shard));
    const faults: string[] = [];
    for (const { shard } of targets) {
      faults.push(...(await booksOf(this.#newAt(shard), shard)));
      log(`the books of new shard ${shard} were checked`);
    }
    faults.push(...(await crossingsOf(fresh)));
    const old = this.#olds();
    for (const [shard, database] of old.entries()) {
      const parts = targets.filter(({ parent }) => parent === shard).map((target) => this.#newAt(target.shard));
      faults.push(...(await sameAs(database, parts, fresh)));
      log(`old shard ${shard} was compared`);
    }
    if (faults.length > 0) throw new CannotSplit(`the new shards differ from the old ones: ${faults.join('; ')}`);
    await requireUntouched(old);
    const after = await Promise.all(old.map(originOf));
    if (JSON.stringify(after) !== JSON.stringify(origins)) throw new CannotSplit('the ledger was used in the meantime');
    for (const database of fresh) await markDone(database, VERIFIED);
  }

  #targets(): Target[] {
    const { shards, config } = this.#plan;
    const parts = shards / config.ledger.shards;
    return Array.from({ length: shards }, (_, shard) => ({ shard, shards, parts, parent: Math.floor(shard / parts) }));
  }

  #olds(): Database[] {
    return Array.from({ length: this.#plan.config.ledger.shards }, (_, shard) => this.#oldAt(shard));
  }
  #oldAt(shard: number): Database {
    return this.#at(this.#oldUrl(shard));
  }
  #newAt(shard: number): Database {
    return this.#at(this.#newUrl(shard));
  }
  #oldUrl(shard: number): string {
    return configOfShard(this.#plan.config, shard).mysql.url;
  }
  #newUrl(shard: number): string {
    return urlFor(this.#plan.mysqlUrl, shard);
  }
  #at(url: string): Database {
    const known = this.#current.get(url);
    if (known) return known;
    const database = new Database({ ...this.#plan.config.mysql, url, connectionsMax: CONNECTIONS_MAX });
    this.#open.push(database);
    this.#current.set(url, database);
    return database;
  }
  /** Changes the identity of a database. Connections that are already open cannot be used with the new identity. */
  async #change(url: string, work: (database: Database) => Promise<void>): Promise<void> {
    await work(this.#at(url));
    this.#current.delete(url);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#open.map((database) => database[Symbol.asyncDispose]()));
  }
}

async function requireReady(database: Database, shard: number): Promise<void> {
  const done = await database.rows<{ name: string }>('SELECT `name` FROM schema_migrations');
  const names = new Set(done.map(({ name }) => name));
  if (!MIGRATION_NAMES.every((name) => names.has(name))) throw new CannotSplit(`old shard ${shard}: run migrate first`);
  await originOf(database);
  const running = await runningProcesses(database, 'recent');
  if (running > 0) throw new CannotSplit(`${running} processes have used old shard ${shard} within the last minute`);
  const unknown = await unknownTables(database);
  if (unknown.length > 0)
    throw new CannotSplit(`old shard ${shard} has tables with rows that a split cannot handle: ${unknown.join(', ')}`);
  if ((await database.rows("SELECT 1 FROM crossings WHERE state = 'OPEN' LIMIT 1")).length > 0)
    throw new CannotSplit(`old shard ${shard}: transfers to other shards are open`);
}

/** The log of the old database ends here, so no entry may be left out of it. */
async function sealAll(database: Database): Promise<void> {
  const log = new MysqlLogStore(database);
  while (await log.sealNext());
}

/** A process that was cut off while its database was blocked may have reported since then, or changed something. */
async function requireUntouched(old: readonly Database[]): Promise<void> {
  for (const [shard, database] of old.entries()) {
    const running = await runningProcesses(database, 'blocked');
    if (running > 0) throw new CannotSplit(`${running} processes have used old shard ${shard} since it was blocked`);
  }
}
