import { describe, isRecovering, readIdentity, recovering, type ShardIdentity } from '../connection/own-ledger.ts';
import type { Database, Session } from '../connection/pool.ts';

/**
 * The identity of this ledger: a random value written by the migration, and which of the ledger's shards the database
 * is. Redis stores it as the owner, so that another installation on the same Redis is refused instead of destroying
 * this ledger's journal.
 */
export class LedgerIdentity {
  readonly #database: Pick<Database, 'rows' | 'transaction'>;
  #known: ShardIdentity | null = null;

  constructor(database: Pick<Database, 'rows' | 'transaction'>) {
    this.#database = database;
  }

  /** The id of the ledger. @throws Problem database_unavailable */
  async read(): Promise<string> {
    return (await this.shard()).ledgerId;
  }

  /**
   * Reads the identity once, because it changes only while no process of the ledger is running. @throws Problem
   * database_unavailable
   */
  async shard(): Promise<ShardIdentity> {
    this.#known ??= await identityOf(this.#database);
    return this.#known;
  }

  /** Call only while no process of the ledger is running. @throws Problem database_unavailable */
  async write(ledgerId: string): Promise<void> {
    const identity = { ...(await this.shard()), ledgerId };
    await this.#database.transaction((session) => writeIdentity(session, identity));
    this.#known = identity;
  }
}

/** @throws Error if the database is not migrated */
export async function identityOf(from: Pick<Session, 'rows'>): Promise<ShardIdentity> {
  const identity = await readIdentity((sql) => from.rows(sql));
  if (!identity) throw new Error('ledger_identity has no row: the schema is not migrated');
  return identity;
}

/** The row of each table is found by the identity, so all of them change together. */
export async function writeIdentity(session: Session, { ledgerId, shard, shards }: ShardIdentity): Promise<void> {
  await session.run('UPDATE ledger_identity SET ledger_id = ?, shard = ?, shards = ?, created_at = NOW(3)', [
    ledgerId,
    shard,
    shards,
  ]);
  for (const table of ['authority', 'flush_cursor', 'sealed_head'])
    await session.run(`UPDATE ${table} SET ledger_id = ?, shard = ?`, [ledgerId, shard]);
}

/** The tables that have a row as soon as a ledger has been used, or one of its processes has been started. */
const USED = ['accounts', 'processes', 'keepers', 'pods', 'transfers'];

/** A database that cannot become the requested shard. */
export class WrongShard extends Error {
  override readonly name = 'WrongShard';
}

/**
 * Makes a database a shard of a ledger. Only a database that was never used can become another shard; if the database
 * already is this shard, nothing changes.
 * @param wanted its `ledgerId` is null for the first shard: the id in its database becomes that of the ledger
 * @returns the id of the ledger
 * @throws WrongShard if the database is another shard, or belongs to a ledger with another number of shards
 */
export async function adoptIdentity(
  database: Pick<Database, 'transaction'>,
  wanted: Omit<ShardIdentity, 'ledgerId'> & { ledgerId: string | null },
): Promise<string> {
  return database.transaction(async (session) => {
    // The authority's row is locked, so no process can begin to use the database in the meantime.
    await session.rows('SELECT 1 FROM authority FOR UPDATE');
    const now = await identityOf(session);
    const identity = { ...wanted, ledgerId: wanted.ledgerId ?? now.ledgerId };
    if (describe(now) === describe(identity)) return identity.ledgerId;
    if (now.shards > 1 || (await isUsed(session)))
      throw new WrongShard(`the database is ${describe(now)}, and cannot become ${describe(identity)}`);
    await writeIdentity(session, identity);
    return identity.ledgerId;
  });
}

/**
 * Closes a shard for its recovery, or opens it afterward. While the shard is closed, no process accepts its database.
 * Call this only while no process of the ledger is running. It has no effect if the shard is already in the requested
 * state.
 * @throws WrongShard if it is the database of another shard
 */
export async function setRecovering(
  database: Pick<Database, 'transaction'>,
  wanted: ShardIdentity,
  isClosed: boolean,
): Promise<void> {
  await database.transaction(async (session) => {
    await session.rows('SELECT 1 FROM authority FOR UPDATE');
    const now = await identityOf(session);
    const shard = isRecovering(now.shard) ? recovering(now.shard) : now.shard;
    if (describe({ ...now, shard }) !== describe(wanted))
      throw new WrongShard(`the database is ${describe(now)}, not ${describe(wanted)}`);
    if (isRecovering(now.shard) === isClosed) return;
    await writeIdentity(session, { ...wanted, shard: isClosed ? recovering(shard) : shard });
  });
}

export async function isUsed(session: Pick<Session, 'rows'>): Promise<boolean> {
  for (const table of USED) if ((await session.rows(`SELECT 1 FROM ${table} LIMIT 1`)).length > 0) return true;
  return false;
}
