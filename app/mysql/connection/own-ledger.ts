import { Problem } from '../../domain/problem.ts';

/** Which ledger, and which of its shards, a database belongs to. */
export interface ShardIdentity {
  /** 32 hexadecimal digits, the same in all shards of a ledger. */
  ledgerId: string;
  shard: number;
  shards: number;
}

/** The condition that selects this shard's rows of `authority` and `flush_cursor`. @param alias of the table */
export type OwnRow = (alias?: string) => string;
/** A statement, or a function that builds it. */
export type Sql = string | ((own: OwnRow) => string);

/** A connection that leads to the database of another ledger or of another shard. It is not used. */
export class OtherLedger extends Problem {
  constructor(found: ShardIdentity, wanted: Partial<ShardIdentity>) {
    const why = `a database belongs to ${describe(found)}, not to ${describe({ ...found, ...wanted })}`;
    super('database_unavailable', why, { logged: why });
  }
}

export const describe = ({ ledgerId, shard, shards }: ShardIdentity): string => {
  const of = `of ${shards} of ledger ${ledgerId}`;
  if (isRecovering(shard)) return `shard ${recovering(shard)} ${of}, which is being recovered`;
  return shard >= IN_SPLIT
    ? `shard ${shard - IN_SPLIT} ${of}, which is being or has been split`
    : `shard ${shard} ${of}`;
};

/**
 * The shard number in a database that is being recovered, which no process of any release accepts. The function is its
 * own inverse.
 */
export const recovering = (shard: number): number => -1 - shard;
/** Added to the shard number in a database during a split, so that neither processes nor a recovery accept it. */
export const IN_SPLIT = 1_000_000;
export const isRecovering = (shard: number): boolean => shard < 0;

/**
 * The ledger and the shard to which every connection must lead. The id of the ledger is learned from the first connection of
 * the process; a later connection may lead to another database, for example because a host name now belongs to
 * another server.
 *
 * Epochs of all databases begin at 0, so epoch and mode do not distinguish two shards.
 */
export class OwnLedger {
  readonly #wanted: Partial<Pick<ShardIdentity, 'shard' | 'shards'>>;
  readonly #ledger: { id: string | null };
  #known: ShardIdentity | null = null;

  /**
   * @param wanted absent for tools that get the URL of a single database
   * @param ledger shared by all shards of a process
   */
  constructor(
    wanted: Pick<ShardIdentity, 'shard' | 'shards'> | null = null,
    ledger: { id: string | null } = { id: null },
  ) {
    this.#wanted = wanted ?? {};
    this.#ledger = ledger;
  }

  /**
   * Checks a connection before its first statement.
   * @returns false if the database has no identity yet, because it is not migrated: check again before the next
   * statement
   * @throws OtherLedger
   */
  async check(rows: <Row>(sql: string) => Promise<Row[]>): Promise<boolean> {
    const found = await readIdentity(rows);
    if (!found) return false;
    const wanted: Partial<ShardIdentity> = {
      ...(this.#ledger.id !== null && { ledgerId: this.#ledger.id }),
      ...(this.#known ?? this.#wanted),
    };
    if (describe({ ...found, ...wanted }) !== describe(found)) throw new OtherLedger(found, wanted);
    this.#ledger.id = found.ledgerId;
    this.#known = found;
    return true;
  }

  /** @throws Error if the database is not migrated */
  readonly own: OwnRow = (alias) => {
    if (!this.#known) throw new Error('ledger_identity has no row: the schema is not migrated');
    const { ledgerId, shard } = this.#known;
    const table = alias === undefined ? '' : `${alias}.`;
    return `${table}ledger_id = '${ledgerId}' AND ${table}shard = ${shard}`;
  };
}

/** Before the migrations, the column `shards`, or even the table, does not exist. */
const NOT_MIGRATED = new Set(['ER_NO_SUCH_TABLE', 'ER_BAD_FIELD_ERROR', 'ER_NO_DB_ERROR']);
const LEDGER_ID = /^[0-9a-f]{32}$/;

/** Null if the database is not migrated. */
export async function readIdentity(rows: <Row>(sql: string) => Promise<Row[]>): Promise<ShardIdentity | null> {
  try {
    const [row] = await rows<{ ledger_id: string; shard: number; shards: number }>(
      'SELECT ledger_id, shard, shards FROM ledger_identity',
    );
    if (!row) return null;
    const { ledger_id: ledgerId, shard, shards } = row;
    if (!LEDGER_ID.test(ledgerId)) throw new Error(`${ledgerId} is not a valid ledger id`);
    return { ledgerId, shard, shards };
  } catch (error) {
    if (NOT_MIGRATED.has((error as { code?: string }).code ?? '')) return null;
    throw error;
  }
}
