import type { LegOrder } from '../../domain/crossing.ts';
import { uuidV7Time } from '../../domain/ids.ts';
import type { LegVerdict } from '../../domain/leg-types.ts';
import { Problem } from '../../domain/problem.ts';
import type { Account, NewAccount, Outcome, Rejected } from '../../domain/types.ts';
import type { Clock } from '../../kernel/clock.ts';
import { NO_SEQ } from '../../ledger/direct/decide.ts';
import type { CrossingClosing } from '../../ledger/ports/crossings.ts';
import type { RestoredShard } from '../../ledger/ports/restored-shard.ts';
import type { Database } from '../connection/pool.ts';
import { IN_LIST_MAX } from '../rows/unsettled-rows.ts';
import { AccountOpener } from './account-opener.ts';
import { MysqlCrossingStore } from './crossing-store.ts';
import { DirectStore, existingOutcomes, note, requireAuthority, storeTime } from './direct-store.ts';
import { LedgerReader } from './ledger-reader.ts';
import { insertOutcomes } from './outcome-writer.ts';
import { outcomesByIds } from './surviving-shard.ts';

const OPENED_BY = 'holdfast recover';

/** The database of a shard that was restored from a backup, in mode DIRECT of an epoch that no process uses. */
export class SqlRestoredShard implements RestoredShard {
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #epoch: number;
  readonly #reader: LedgerReader;
  readonly #opener: AccountOpener;
  readonly #direct: DirectStore;
  readonly #crossings: MysqlCrossingStore;

  constructor({ database, clock, epoch }: { database: Database; clock: Clock; epoch: number }) {
    this.#database = database;
    this.#clock = clock;
    this.#epoch = epoch;
    this.#reader = new LedgerReader(database);
    this.#opener = new AccountOpener({ database, clock });
    this.#direct = new DirectStore({ database, clock });
    this.#crossings = new MysqlCrossingStore(database);
  }

  outcomes(transactionIds: readonly string[]): Promise<Map<string, Outcome>> {
    return outcomesByIds(this.#reader, transactionIds);
  }

  async accounts(accountIds: readonly string[]): Promise<Map<string, Account>> {
    const found = new Map<string, Account>();
    for (let first = 0; first < accountIds.length; first += IN_LIST_MAX) {
      const { accounts } = await this.#reader.loadAccounts(accountIds.slice(first, first + IN_LIST_MAX));
      for (const [id, account] of accounts) found.set(id, account);
    }
    return found;
  }

  async open(accounts: readonly NewAccount[]): Promise<void> {
    for (const opening of await this.#opener.open(accounts, OPENED_BY))
      if (opening instanceof Problem && opening.code !== 'account_id_reused') throw opening;
  }

  apply(legs: readonly LegOrder[]): Promise<(Outcome | Problem)[]> {
    const takenAt = this.#clock.now();
    return this.#direct.apply(
      this.#epoch,
      legs.map((order) => ({ order, takenAt })),
    );
  }

  async writeRefusals(refusals: readonly { order: LegOrder; because: LegVerdict }[]): Promise<void> {
    const ids = refusals.map(({ order }) => order.transactionId);
    await this.#database.transaction(async (session) => {
      const { format } = await requireAuthority(session, this.#epoch);
      const existing = await existingOutcomes(session, ids);
      const left = refusals.filter(({ order }) => !existing.has(order.transactionId));
      const acceptedAt = await storeTime(session);
      await session.run(
        (own) => `UPDATE flush_cursor SET id_time_max = GREATEST(id_time_max, ?) WHERE ${own()}`,
        [Math.max(0, ...left.map(({ order }) => uuidV7Time(order.transactionId) ?? 0))],
      );
      const common = { acceptedAt, takenAt: null, epoch: this.#epoch, seq: NO_SEQ, replayed: false, persisted: true };
      const decided = left.map(
        ({ order, because }): Rejected => ({ ...common, order, status: 'REJECTED', ...because }),
      );
      const salts = await note(session, format, { epoch: this.#epoch, decided });
      await insertOutcomes(session, decided, salts);
    });
  }

  close(closings: readonly CrossingClosing[]): Promise<void> {
    return this.#crossings.close(closings);
  }
}
