import type { LegVerdict } from '../../domain/leg-types.ts';
import type { Outcome } from '../../domain/types.ts';
import type { CrossingClosing, CrossingStore, OpenCrossing } from '../../ledger/ports/crossings.ts';
import type { Database, Session } from '../connection/pool.ts';
import { integer, statements, text, textOrNull } from '../connection/sql.ts';
import { asRefusal, limitRefusalOf, refusedByOf } from '../rows/transfer-row.ts';
import { rowsByIds } from '../rows/unsettled-rows.ts';

/**
 * Writes the rows of transfers that have left this shard: one for each posted `out`, in the same transaction as the
 * `out`.
 */
export async function openCrossings(session: Session, legs: readonly Outcome[]): Promise<void> {
  const rows = legs.flatMap(({ status, order: { transactionId, leg, currency, amount } }) =>
    status === 'POSTED' && leg?.name === 'out'
      ? [
          `(${text(transactionId)},${integer(leg.otherShard)},${text(leg.destination)},${text(currency)},${integer(amount)})`,
        ]
      : [],
  );
  for (const values of statements(rows)) {
    await session.run(
      `INSERT INTO crossings (transaction_id, to_shard, destination_account, currency, amount) VALUES ${values.join(',')}`,
    );
  }
}

interface OpenRow {
  transaction_id: string;
  to_shard: number;
  currency: string;
  amount: number;
  opened_at: Date;
  age_us: number;
}
interface ClosedRow {
  transaction_id: string;
  state: 'DONE' | 'RETURNED';
  destination_version: number | null;
  destination_balance: number | null;
  refusal: string | null;
  refused_by: string | null;
}

/** The table of transfers that have left this shard. Rows are never deleted. */
export class MysqlCrossingStore implements CrossingStore {
  readonly #database: Database;
  constructor(database: Database) {
    this.#database = database;
  }

  async open({ toShard, minAgeMs, after, limit }: Parameters<CrossingStore['open']>[0]): Promise<OpenCrossing[]> {
    const page = after ? 'AND (opened_at > ? OR (opened_at = ? AND transaction_id > ?))' : '';
    const position = after ? [new Date(after.openedAt), new Date(after.openedAt), after.transactionId] : [];
    const rows = await this.#database.rows<OpenRow>(
      `SELECT transaction_id, to_shard, currency, amount, opened_at,
         TIMESTAMPDIFF(MICROSECOND, opened_at, NOW(3)) AS age_us FROM crossings
       WHERE state = 'OPEN' AND to_shard = ? AND opened_at <= NOW(3) - INTERVAL ? MICROSECOND ${page}
       ORDER BY opened_at, transaction_id LIMIT ?`,
      [toShard, Math.round(minAgeMs * 1000), ...position, limit],
    );
    return rows.map((row) => ({
      transactionId: row.transaction_id,
      toShard: row.to_shard,
      currency: row.currency,
      amount: row.amount,
      openedAt: row.opened_at.getTime(),
      ageMs: row.age_us / 1000,
    }));
  }

  async closed(transactionIds: readonly string[]): Promise<CrossingClosing[]> {
    const rows = await rowsByIds<ClosedRow>(
      this.#database,
      `SELECT transaction_id, state, destination_version, destination_balance, refusal, refused_by FROM crossings
       WHERE transaction_id IN (?) AND state <> 'OPEN'`,
      transactionIds,
    );
    return rows.map(closingOfRow);
  }

  async close(closings: readonly CrossingClosing[]): Promise<void> {
    if (closings.length === 0) return;
    const byId = new Map(closings.map((closing) => [closing.transactionId, closing]));
    await this.#database.transaction(async (session) => {
      // Locks in order of ids, so that two couriers that close the same rows wait for each other without a deadlock.
      const open = await rowsByIds<{ transaction_id: string }>(
        session,
        `SELECT transaction_id FROM crossings FORCE INDEX (PRIMARY)
         WHERE transaction_id IN (?) AND state = 'OPEN' ORDER BY transaction_id FOR UPDATE`,
        [...byId.keys()].sort(),
      );
      const rows = open.flatMap(({ transaction_id }) => byId.get(transaction_id) ?? []).map(closedRow);
      for (const values of statements(rows)) {
        // The rows exist and are locked, so nothing is inserted.
        await session.run(
          `INSERT INTO crossings (transaction_id, to_shard, destination_account, currency, amount, state,
             destination_version, destination_balance, refusal, refused_by) VALUES ${values.join(',')}
           ON DUPLICATE KEY UPDATE state = VALUES(state), closed_at = NOW(3),
             destination_version = VALUES(destination_version), destination_balance = VALUES(destination_balance),
             refusal = VALUES(refusal), refused_by = VALUES(refused_by)`,
        );
      }
    });
  }

  async takeTurn({ toShard, holder, forMs }: Parameters<CrossingStore['takeTurn']>[0]): Promise<boolean> {
    // MySQL assigns from left to right: the second assignment sees the new holder.
    const changed = await this.#database.transaction((session) =>
      session.run(
        `INSERT INTO crossing_turns (to_shard, holder, until_at) VALUES (?, ?, NOW(3) + INTERVAL ? MICROSECOND)
         ON DUPLICATE KEY UPDATE holder = IF(until_at <= NOW(3), VALUES(holder), holder),
           until_at = IF(holder = VALUES(holder), VALUES(until_at), until_at)`,
        [toShard, holder, Math.round(forMs * 1000)],
      ),
    );
    return changed > 0;
  }

  async summary(): Promise<{ toShard: number; open: number; oldestAgeMs: number }[]> {
    const rows = await this.#database.rows<{ to_shard: number; open: number; age_us: number }>(
      `SELECT to_shard, COUNT(*) AS \`open\`, TIMESTAMPDIFF(MICROSECOND, MIN(opened_at), NOW(3)) AS age_us
       FROM crossings WHERE state = 'OPEN' GROUP BY to_shard ORDER BY to_shard`,
    );
    return rows.map(({ to_shard, open, age_us }) => ({ toShard: to_shard, open, oldestAgeMs: age_us / 1000 }));
  }
}

/** The columns that a closing does not change may have any value, because the row exists. */
function closedRow(closing: CrossingClosing): string {
  const [done, because] = closing.state === 'DONE' ? [closing, null] : [null, closing.because];
  const refusedBy = because?.limit ? refusedByOf(because.limit) : null;
  const end = [
    ...[done?.version, done?.balance].map((value) => (value === undefined ? 'NULL' : integer(value))),
    ...[because?.refusal ?? null, refusedBy].map(textOrNull),
  ];
  return `(${text(closing.transactionId)},0,'','',0,${text(closing.state)},${end.join(',')})`;
}

function closingOfRow(row: ClosedRow): CrossingClosing {
  const { transaction_id: transactionId, destination_version: version, destination_balance: balance } = row;
  if (row.state === 'RETURNED') return { transactionId, state: row.state, because: verdictOf(row) };
  if (version === null || balance === null)
    throw new TypeError(`crossing ${transactionId} is done without a destination`);
  return { transactionId, state: row.state, balance, version };
}

function verdictOf({ refusal, refused_by }: ClosedRow): LegVerdict | null {
  if (refusal === null) return null;
  return { refusal: asRefusal(refusal), ...(refused_by !== null && { limit: limitRefusalOf(refused_by) }) };
}
