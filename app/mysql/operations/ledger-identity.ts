import type { Database } from '../connection/pool.ts';

/**
 * The identity of this ledger: a random value written by the migration. Redis stores it as the owner, so that another
 * installation on the same Redis is refused instead of destroying this ledger's journal.
 */
export class LedgerIdentity {
  readonly #database: Pick<Database, 'rows'>;
  #known: string | null = null;

  constructor(database: Pick<Database, 'rows'>) {
    this.#database = database;
  }

  /**
   * Reads the identity once, because it changes only while no process of the ledger is running. @throws Problem
   * database_unavailable
   */
  async read(): Promise<string> {
    if (this.#known !== null) return this.#known;
    const [row] = await this.#database.rows<{ ledger_id: string }>(
      'SELECT ledger_id FROM ledger_identity WHERE shard = 0',
    );
    if (!row) throw new Error('ledger_identity has no row: the schema is not migrated');
    this.#known = row.ledger_id;
    return row.ledger_id;
  }

  /** Call only while no process of the ledger is running. @throws Problem database_unavailable */
  async write(ledgerId: string): Promise<void> {
    await this.#database.rows('UPDATE ledger_identity SET ledger_id = ?, created_at = NOW(3) WHERE shard = 0', [
      ledgerId,
    ]);
    this.#known = ledgerId;
  }
}
