import { Problem } from '../../app/domain/problem.ts';
import { type Cursor, CursorConflictError } from '../../app/journal/cursor.ts';
import type { FlushBatch } from '../../app/journal/flush-batch.ts';
import type { JournalStore } from '../../app/sync/flusher.ts';
import type { MysqlClient } from './mysql-client.ts';
import type { MysqlServer } from './mysql-server.ts';

/** The same transaction as app/mysql/ledger/flush-store.ts. */
export class JournalTables implements JournalStore {
  protected readonly client: MysqlClient;
  constructor(client: MysqlClient) {
    this.client = client;
  }

  cursor(): Promise<Cursor> {
    return this.client.call(({ tables }) => ({ ...tables.cursor }));
  }
  commit(batch: FlushBatch, authorityEpoch: number): Promise<void> {
    return this.client.call((server) => {
      if (server.flushBlocked) throw new Problem('database_unavailable', 'Lock wait timeout exceeded');
      this.checkAuthority(server, authorityEpoch);
      this.advance(server, batch);
      write(server, batch);
    });
  }

  protected checkAuthority({ tables }: MysqlServer, authorityEpoch: number): void {
    const { epoch } = tables.authority;
    if (epoch !== authorityEpoch) throw new CursorConflictError(`the authority is at epoch ${epoch}`);
  }
  protected advance({ tables }: MysqlServer, { epoch, afterSeq, lastSeq, idTimeMax }: FlushBatch): void {
    const { cursor } = tables;
    if (cursor.epoch !== epoch || cursor.seq !== afterSeq) {
      throw new CursorConflictError(`the cursor is no longer at ${epoch}/${afterSeq}`);
    }
    tables.cursor = { epoch, seq: lastSeq, idTimeMax: Math.max(cursor.idTimeMax, idTimeMax) };
  }
}

function write({ tables }: MysqlServer, { moves, outcomes, groups, changes, holdEvents, epoch }: FlushBatch): void {
  tables.moveAccounts(moves);
  tables.insertOutcomes(outcomes);
  tables.insertGroups(groups);
  tables.writeHolds(holdEvents, outcomes);
  for (const change of changes) tables.writeChange(change, epoch);
  tables.countUsage([...outcomes, ...holdEvents], changes);
}
