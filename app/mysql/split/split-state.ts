import { IN_SPLIT, type ShardIdentity } from '../connection/own-ledger.ts';
import type { Database, Session } from '../connection/pool.ts';
import { identityOf, isUsed, writeIdentity } from '../operations/ledger-identity.ts';
import { PROGRESS, type Target } from './tables.ts';

/**
 * Who may use a database while a ledger is being split. This depends on the identity in the database, which every
 * process checks, and by which every change of a balance finds its rows:
 *
 *   an old database        shard   shards      a new database           shard   shards
 *   in use                 s       N           never used               0       1
 *   blocked                M + s   N           being filled             M + n   k·N
 *   retired                M + s   0           in use                   n       k·N
 *
 * M is `IN_SPLIT`. A split can be undone until the first old database is retired, and can only be completed from then
 * on. At no time can both an old and a new database be used.
 */
export type OldState = 'in use' | 'blocked' | 'retired';
export type NewState = 'unused' | 'filling' | 'in use';

/** A database is not in the state that the split requires. */
export class CannotSplit extends Error {
  override readonly name = 'CannotSplit';
}

const hidden = (shard: number): number => IN_SPLIT + shard;
/** A process that has reported within this time may still be running, s. */
const RECENT_S = 60;

export async function oldState(from: Pick<Session, 'rows'>, shard: number, shards: number): Promise<OldState> {
  const identity = await identityOf(from);
  if (identity.shard === shard && identity.shards === shards) return 'in use';
  if (identity.shard === hidden(shard) && identity.shards === shards) return 'blocked';
  if (identity.shard === hidden(shard) && identity.shards === 0) return 'retired';
  throw new CannotSplit(
    `a database belongs to shard ${identity.shard} of ${identity.shards}, not to shard ${shard} of ${shards}`,
  );
}

/**
 * What a new database continues: the ledger, and the epoch of the old shard. If the split is undone, the old shard
 * moves to the next epoch.
 */
export interface Origin {
  ledgerId: string;
  epoch: number;
  mode: string;
  /** The number of times that the ledger was stopped or released: new shards of a stopped ledger stay stopped. */
  stops: number;
  cursor: { epoch: number; seq: number; idTimeMax: number };
}

/** @throws CannotSplit unless the ledger is at rest in MySQL, in format 2 */
export async function originOf(from: Pick<Session, 'rows'>): Promise<Origin> {
  const { ledgerId } = await identityOf(from);
  const [authority] = await from.rows<{ epoch: number; mode: string; cache_epoch: number | null; stops: number }>(
    'SELECT epoch, `mode`, cache_epoch, stops FROM authority',
  );
  const [cursor] = await from.rows<{ epoch: number; seq: number; id_time_max: number }>(
    'SELECT epoch, seq, id_time_max FROM flush_cursor',
  );
  if (!authority || !cursor) throw new CannotSplit('a database is not migrated');
  const { epoch, mode, cache_epoch, stops } = authority;
  if (mode !== 'DIRECT_2' || cache_epoch !== null)
    throw new CannotSplit(
      `the authority is ${mode}${cache_epoch === null ? '' : ', and a journal is not in MySQL yet'}: it must be DIRECT in format 2`,
    );
  return {
    ledgerId,
    epoch,
    mode,
    stops,
    cursor: { epoch: cursor.epoch, seq: cursor.seq, idTimeMax: cursor.id_time_max },
  };
}

/** @param since `blocked` counts the processes that have reported since this database was blocked */
export async function runningProcesses(from: Pick<Session, 'rows'>, since: 'recent' | 'blocked'): Promise<number> {
  const moment =
    since === 'recent' ? `NOW(3) - INTERVAL ${RECENT_S} SECOND` : '(SELECT created_at FROM ledger_identity)';
  const [row] = await from.rows<{ running: number }>(
    `SELECT (SELECT COUNT(*) FROM processes WHERE heartbeat_at > ${moment})
       + (SELECT COUNT(*) FROM keepers WHERE heartbeat_at > ${moment}) AS running`,
  );
  return Number(row?.running);
}

/** Locks an old database. @throws CannotSplit if another command has changed its state in the meantime */
async function lockOld(session: Session, { shard, shards }: OldShard, wanted: OldState): Promise<void> {
  await session.rows('SELECT 1 FROM authority FOR UPDATE');
  const state = await oldState(session, shard, shards);
  if (state !== wanted) throw new CannotSplit(`old shard ${shard} is ${state}: another command has changed it`);
}

/** The number of an old shard, and the number of old shards. */
type OldShard = Pick<ShardIdentity, 'shard' | 'shards'>;

/** Blocks a database: from now on, no process can start with it or change a balance in it. */
export async function block(database: Database, shard: number, shards: number): Promise<void> {
  await database.transaction(async (session) => {
    await lockOld(session, { shard, shards }, 'in use');
    await originOf(session);
    const running = await runningProcesses(session, 'recent');
    if (running > 0)
      throw new CannotSplit(
        `${running} processes have used shard ${shard} within the last ${RECENT_S} s: stop all pods and keepers`,
      );
    const identity = await identityOf(session);
    await writeIdentity(session, { ...identity, shard: hidden(shard), shards });
  });
}

/** Returns a blocked database to its processes, in the next epoch: what was copied from it can no longer become final. */
export async function unblock(database: Database, shard: number, shards: number): Promise<void> {
  await database.transaction(async (session) => {
    await lockOld(session, { shard, shards }, 'blocked');
    const { epoch, mode } = await originOf(session);
    await session.run('UPDATE authority SET epoch = ?, changed_at = NOW(3)', [epoch + 1]);
    await session.run('INSERT INTO authority_log (epoch, `mode`, changed_by, reason) VALUES (?, ?, ?, ?)', [
      ...[epoch + 1, mode, 'split', 'a split of the ledger was undone'],
    ]);
    await writeIdentity(session, { ...(await identityOf(session)), shard, shards });
  });
}

/**
 * Retires a blocked database for good. @param copied its origin at the time it was copied
 * @throws CannotSplit if it has changed since then, because a split was undone in the meantime
 */
export async function retire(database: Database, { shard, shards }: OldShard, copied: Origin): Promise<void> {
  await database.transaction(async (session) => {
    await lockOld(session, { shard, shards }, 'blocked');
    if (JSON.stringify(await originOf(session)) !== JSON.stringify(copied))
      throw new CannotSplit(`old shard ${shard} has changed since it was copied`);
    await writeIdentity(session, { ...(await identityOf(session)), shard: hidden(shard), shards: 0 });
  });
}

export async function newState(database: Database, { shard, shards }: Target, origin: Origin): Promise<NewState> {
  const identity = await identityOf(database);
  const wanted: ShardIdentity = { ledgerId: origin.ledgerId, shard, shards };
  if (same(identity, wanted)) return 'in use';
  if (same(identity, { ...wanted, shard: hidden(shard) })) {
    const [row] = await database.rows<{ position: string }>(`SELECT position FROM ${PROGRESS} WHERE step = ?`, [BEGUN]);
    if (row?.position === tokenOf(origin)) return 'filling';
    throw new CannotSplit(
      `the database of the new shard ${shard} was filled by a split that was undone: use an empty one`,
    );
  }
  if (identity.shards === 1 && identity.shard === 0 && !(await isUsed(database))) return 'unused';
  throw new CannotSplit(`the database of the new shard ${shard} is in use: it must be empty`);
}

const same = (a: ShardIdentity, b: ShardIdentity): boolean =>
  a.ledgerId === b.ledgerId && a.shard === b.shard && a.shards === b.shards;
const tokenOf = ({ epoch, cursor }: Origin): string => JSON.stringify([epoch, cursor.epoch, cursor.seq]);
const BEGUN = 'begun';

/** Marks an unused database as being filled, and sets its epoch to the one that follows the old shard's. */
export async function beginFilling(database: Database, target: Target, origin: Origin): Promise<void> {
  await database.rows(`CREATE TABLE IF NOT EXISTS ${PROGRESS} (
    step VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    position VARCHAR(1024) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    done TINYINT(1) NOT NULL DEFAULT 0,
    copied BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (step)) ENGINE=InnoDB`);
  await database.transaction(async (session) => {
    const { ledgerId, epoch, mode, stops, cursor } = origin;
    await session.run(
      `INSERT INTO ${PROGRESS} (step, position) VALUES (?, ?) ON DUPLICATE KEY UPDATE position = VALUES(position)`,
      [...[BEGUN, tokenOf(origin)]],
    );
    await session.run('DELETE FROM authority_log');
    await session.run(
      'UPDATE authority SET epoch = ?, `mode` = ?, cache_epoch = NULL, stops = ?, changed_at = NOW(3)',
      [...[epoch + 1, mode, stops]],
    );
    await session.run('UPDATE flush_cursor SET epoch = ?, seq = ?, id_time_max = ?', [
      ...[cursor.epoch, cursor.seq, cursor.idTimeMax],
    ]);
    await writeIdentity(session, { ledgerId, shard: hidden(target.shard), shards: target.shards });
  });
}

/** Records that a step without pages is done. */
export async function markDone(database: Database, step: string): Promise<void> {
  await database.rows(
    `INSERT INTO ${PROGRESS} (step, position, done) VALUES (?, 'null', 1) ON DUPLICATE KEY UPDATE done = 1`,
    [step],
  );
}
export async function isDone(database: Database, step: string): Promise<boolean> {
  const rows = await database.rows(`SELECT 1 FROM ${PROGRESS} WHERE step = ? AND done = 1`, [step]);
  return rows.length > 0;
}
/** How many rows of each table were copied. */
export async function copiedRows(database: Database): Promise<Map<string, number>> {
  const rows = await database.rows<{ step: string; copied: number }>(`SELECT step, copied FROM ${PROGRESS}`);
  return new Map(rows.map(({ step, copied }) => [step, Number(copied)]));
}

/** Opens a new database to its processes; if it is already open, only removes the traces of the split. */
export async function activate(database: Database, { shard }: Target): Promise<void> {
  await database.transaction(async (session) => {
    const [authority] = await session.rows<{ epoch: number; mode: string }>(
      'SELECT epoch, `mode` FROM authority FOR UPDATE',
    );
    const identity = await identityOf(session);
    if (identity.shard === shard) return;
    await session.run('INSERT INTO authority_log (epoch, `mode`, changed_by, reason) VALUES (?, ?, ?, ?)', [
      ...[authority?.epoch, authority?.mode, 'split', 'the shard was split off'],
    ]);
    await writeIdentity(session, { ...identity, shard });
  });
  await database.rows(`DROP TABLE IF EXISTS ${PROGRESS}`);
}
