import { Problem } from '../../domain/problem.ts';
import { isStopped, type StopChange } from '../../domain/stop.ts';
import { digestOf, personalOfDeed, SaltSource } from '../../journal/sealed/personal.ts';
import { isLogged } from '../../journal/sealed/sealing.ts';
import type { Database, Session } from '../connection/pool.ts';
import { binaryOrNull } from '../connection/sql.ts';
import { authorityOf, authoritySelect, reasonText } from '../rows/authority-row.ts';
import { noteEntries } from '../rows/unsealed-rows.ts';

interface StopRow {
  stop_number: number;
  changed_at: Date;
  changed_by: string;
  reason: string;
  correlation_id: string | null;
}
const COLUMNS = 'stop_number, changed_at, changed_by, reason, correlation_id';

/** Stops and releases of the ledger, in the authority row and in their append-only log. */
export class StopStore {
  readonly #database: Database;
  constructor(database: Database) {
    this.#database = database;
  }

  /**
   * Stops or releases the ledger. The exclusive lock of the authority row waits for the transactions in direct mode
   * that have not committed yet, and later ones find the ledger stopped. If the ledger is already in the requested
   * state, nothing is written.
   * @param expected if given, the number of stops and releases before this one
   * @returns the authority's `stops` after the call @throws Problem database_unavailable if nothing was written;
   * outcome_unknown if the commit got no reply; authority_moved if `expected` is outdated
   */
  async set(
    wanted: boolean,
    by: Pick<StopChange, 'user' | 'reason' | 'correlationId'>,
    expected: number | null = null,
  ): Promise<number> {
    let commitSent = false;
    try {
      return await this.#database.transaction(async (session) => {
        const { stops, isChanged } = await change(session, wanted, by, expected);
        // The next statement is COMMIT: a failure from here on leaves it unknown whether it took effect.
        commitSent = isChanged;
        return stops;
      });
    } catch (error) {
      if (!commitSent) throw error;
      const detail = `MySQL did not confirm whether the ledger is ${wanted ? 'stopped' : 'released'}; send the same request again`;
      throw new Problem('outcome_unknown', detail, {}, { cause: error });
    }
  }

  /** The latest stops and releases, the most recent first. @throws Problem database_unavailable */
  latest(changesMax: number): Promise<StopChange[]> {
    return latest(this.#database, changesMax);
  }
}

/** @returns the authority's `stops` after the call, and whether they were changed */
async function change(
  session: Session,
  wanted: boolean,
  by: Pick<StopChange, 'user' | 'reason' | 'correlationId'>,
  expected: number | null,
): Promise<{ stops: number; isChanged: boolean }> {
  const now = authorityOf(await session.rows((own) => `${authoritySelect(own)} FOR UPDATE`));
  if (isStopped(now.stops) === wanted) return { stops: now.stops, isChanged: false };
  if (expected !== null && now.stops !== expected)
    throw new Problem('authority_moved', 'the ledger was stopped or released in the meantime; read its state again');
  const number = now.stops + 1;
  await session.run((own) => `UPDATE authority SET stops = ? WHERE ${own()}`, [number]);
  const who = { user: by.user, reason: reasonText(by.reason) };
  const salt = isLogged(now.format) ? new SaltSource(1).next() : null;
  await session.run(
    `INSERT INTO ledger_stops (stop_number, changed_by, reason, correlation_id, salt) VALUES (?, ?, ?, ?, ${binaryOrNull(salt)})`,
    [number, who.user, who.reason, by.correlationId],
  );
  if (salt !== null) {
    const type = wanted ? 'ledger-stopped' : 'ledger-released';
    const digest = digestOf(salt, personalOfDeed(who));
    const at = (await latest(session, 1))[0]?.at ?? 0;
    await noteEntries(session, now.epoch, [
      { kind: 'action', type, subject: String(number), at, content: null, digest },
    ]);
  }
  return { stops: number, isChanged: true };
}

async function latest(from: Pick<Session, 'rows'>, changesMax: number): Promise<StopChange[]> {
  const rows = await from.rows<StopRow>(`SELECT ${COLUMNS} FROM ledger_stops ORDER BY seq DESC LIMIT ?`, [changesMax]);
  return rows.map((row) => ({
    number: row.stop_number,
    at: row.changed_at.getTime(),
    user: row.changed_by,
    reason: row.reason,
    correlationId: row.correlation_id,
  }));
}
