import type { OlderProcess, RuleFormats } from '../../authority/authority-ports.ts';
import { type Authority, FORMAT_MAX, type MovedBy } from '../../domain/authority.ts';
import type { Database, Session } from '../connection/pool.ts';
import { lockedAuthority, setAuthority } from '../rows/authority-row.ts';

/** A process of an older release counts as running for this long after its last heartbeat, s. */
const HEARD_WITHIN_S = 60;

/** Moves the ledger to the next rule format. */
export class FormatStore implements RuleFormats {
  readonly #database: Database;
  constructor(database: Database) {
    this.#database = database;
  }

  async olderProcesses(): Promise<OlderProcess[]> {
    return olderProcesses(this.#database);
  }

  async raise(from: Authority, by: MovedBy): Promise<Authority | null> {
    return this.#database.transaction(async (session) => {
      const now = await lockedAuthority(session, from.epoch);
      if (!now || now.format === FORMAT_MAX) return null;
      const waits = now.mode === 'DIRECT' && now.cacheEpoch !== null;
      if (waits || now.mode === 'CLOSING' || now.mode === 'REBUILDING') return null;
      // The row is locked: a process that registers or moves the authority from now on finds the new format.
      if ((await olderProcesses(session)).length > 0) return null;
      const mode = now.mode === 'CACHE' ? 'CLOSING' : 'DIRECT';
      return setAuthority(session, now, { ...now, mode, format: FORMAT_MAX }, by);
    });
  }
}

async function olderProcesses(from: Pick<Session, 'rows'>): Promise<OlderProcess[]> {
  const heard = `format_max < ${FORMAT_MAX} AND heartbeat_at > NOW(3) - INTERVAL ${HEARD_WITHIN_S} SECOND`;
  const rows = await from.rows<{ id: string; role: OlderProcess['role']; silent_us: number }>(
    `SELECT process_id AS \`id\`, 'api' AS \`role\`, TIMESTAMPDIFF(MICROSECOND, heartbeat_at, NOW(3)) AS silent_us
     FROM processes WHERE ${heard}
     UNION ALL SELECT keeper_id, 'keeper', TIMESTAMPDIFF(MICROSECOND, heartbeat_at, NOW(3)) FROM keepers WHERE ${heard}
     ORDER BY 1 LIMIT 100`,
  );
  return rows.map(({ id, role, silent_us }) => ({ processId: id, role, silentMs: silent_us / 1000 }));
}
