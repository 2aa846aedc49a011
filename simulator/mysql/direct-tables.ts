import { accountsOfGroup, type GroupOutcome } from '../../app/domain/group.ts';
import { ID_AHEAD_MS_MAX, uuidV7Time, withoutMark } from '../../app/domain/ids.ts';
import { Problem } from '../../app/domain/problem.ts';
import type { Account, Outcome } from '../../app/domain/types.ts';
import { accountsOfItem, type HoldResult, holdIdOf, keyOfItem } from '../../app/journal/hold-codec.ts';
import type { InDoubtAttempt } from '../../app/journal/journal-entry.ts';
import { decideChange, decideTransfers, LedgerTime } from '../../app/ledger/direct/decide.ts';
import { decideGroups } from '../../app/ledger/direct/decide-group.ts';
import { decideHolds } from '../../app/ledger/direct/decide-holds.ts';
import {
  type DirectChange,
  DirectError,
  type DirectGroup,
  type DirectHold,
  type DirectItem,
  type DirectServer,
  type HoldAnswer,
} from '../../app/ledger/ports/direct-server.ts';
import { type MysqlClient, StoreLost } from './mysql-client.ts';
import type { MysqlServer } from './mysql-server.ts';
import { keyOf } from './tables.ts';

const ID_TIME_STEP_MS = 10_000;

/** The same transactions as app/mysql/ledger/direct-store.ts. */
export class DirectTables implements DirectServer {
  protected readonly client: MysqlClient;
  #idTimeMax = 0;
  constructor(client: MysqlClient) {
    this.client = client;
  }

  apply(epoch: number, items: readonly DirectItem[]): Promise<(Outcome | Problem)[]> {
    const packed = items.map(({ order, takenAt }) => ({ order, takenAt }));
    const ids = packed.map(({ order }) => order.transactionId);
    const accountIds = packed.flatMap(({ order }) => [order.source, order.destination]);
    return this.#transaction(epoch, ids, (server) => {
      const { tables } = server;
      const decided = decideTransfers(packed, {
        epoch,
        accounts: this.accountsIn(server, accountIds),
        existing: this.existing(server, ids),
        frozen: this.frozenIn(server, accountIds),
        unsettled: this.unsettledIn(server, 'transfers', ids),
        time: this.time(server),
        calendar: tables.calendar,
      });
      tables.moveAccounts(decided.moves);
      tables.insertOutcomes(decided.outcomes);
      tables.countUsage(decided.outcomes, []);
      return decided.answers;
    });
  }

  applyGroups(epoch: number, items: readonly DirectGroup[]): Promise<(GroupOutcome | Problem)[]> {
    const packed = items.map(({ group, takenAt }) => ({ group, takenAt }));
    const groupIds = packed.map(({ group }) => group.groupId);
    const ids = packed.flatMap(({ group }) => group.orders.map(({ transactionId }) => transactionId));
    const accountIds = packed.flatMap(({ group }) => accountsOfGroup(group));
    return this.#transaction(epoch, [...groupIds, ...ids], (server) => {
      const { tables } = server;
      const decided = decideGroups(packed, {
        epoch,
        accounts: this.accountsIn(server, accountIds),
        groups: this.existingGroups(server, groupIds),
        existing: this.existing(server, ids),
        frozen: this.frozenIn(server, accountIds),
        unsettled: this.unsettledIn(server, 'transfers', ids),
        unsettledGroups: this.unsettledIn(server, 'group', groupIds),
        time: this.time(server),
        calendar: tables.calendar,
      });
      tables.moveAccounts(decided.moves);
      tables.insertOutcomes(decided.outcomes);
      tables.countUsage(decided.outcomes, []);
      tables.insertGroups(decided.groups);
      return decided.answers;
    });
  }

  applyHolds(epoch: number, items: readonly DirectHold[]): Promise<(HoldAnswer | Problem)[]> {
    const packed = items.map(({ hold, takenAt, podNow }) => ({ hold, takenAt, podNow }));
    const keys = packed.map(({ hold }) => keyOfItem(hold));
    const accountIds = packed.flatMap(({ hold }) => accountsOfItem(hold));
    return this.#transaction(epoch, keys.map(withoutMark), (server) => {
      const { tables } = server;
      const decided = decideHolds(packed, {
        epoch,
        accounts: new Map(accountIds.flatMap((id) => pairOf(id, tables.accounts.get(id)))),
        holds: new Map(
          packed.flatMap(({ hold }) => pairOf(holdIdOf(hold), tables.storedHold(holdIdOf(hold)) ?? undefined)),
        ),
        known: this.knownResults(server, keys),
        frozen: this.frozenIn(server, accountIds),
        unsettledKeys: this.unsettledKeys(server, keys),
        time: this.time(server),
        calendar: tables.calendar,
      });
      tables.moveAccounts(decided.moves);
      tables.insertOutcomes(decided.outcomes);
      tables.countUsage(decided.decided, []);
      tables.writeHolds(decided.events, decided.outcomes);
      return decided.answers;
    });
  }

  async change(epoch: number, change: DirectChange): Promise<Account> {
    const packed = { ...change };
    const { accountId, changeId } = change;
    const decided = await this.#transaction(epoch, [changeId], (server) => {
      const { tables } = server;
      const account = tables.accounts.get(accountId);
      const decision = decideChange(packed, {
        account: account && { ...account },
        done: tables.changes.has(changeId),
        frozen: this.frozenIn(server, [accountId]).has(accountId),
        unsettled: this.unsettledIn(server, 'account-change', [changeId]).has(changeId),
        time: this.time(server),
      });
      if (!(decision instanceof Problem) && decision.write) {
        tables.writeChange(decision.write, epoch);
        tables.countUsage([], [decision.write]);
      }
      return decision;
    });
    if (decided instanceof Problem) throw decided;
    return decided.account;
  }

  protected time({ tables, wallMs }: MysqlServer): LedgerTime {
    return new LedgerTime(wallMs, tables.acceptedMs);
  }

  /** The accounts of transfers. */
  protected accountsIn({ tables }: MysqlServer, ids: readonly string[]): Map<string, Account> {
    return new Map(ids.flatMap((id) => pairOf(id, tables.accounts.get(id))));
  }

  protected existing({ tables }: MysqlServer, ids: readonly string[]): Map<string, Outcome> {
    return new Map(ids.flatMap((id) => pairOf(id, tables.transfers.get(id))));
  }

  protected knownResults({ tables }: MysqlServer, keys: readonly string[]): Map<string, HoldResult> {
    const known = new Map<string, HoldResult>();
    for (const key of keys) {
      const id = withoutMark(key);
      const capture = tables.transfers.get(key);
      const event = key.startsWith('=') ? tables.holds.get(id)?.placing : tables.holdUpdates.get(id);
      if (capture) known.set(key, { capture });
      else if (event && key !== id) known.set(key, { event });
    }
    return known;
  }

  protected unsettledKeys(server: MysqlServer, keys: readonly string[]): Set<string> {
    return new Set(
      keys.filter((key) => {
        const kind = key.startsWith('=') ? 'hold' : key.startsWith('#') ? 'hold-event' : 'transfers';
        return this.unsettledIn(server, kind, [withoutMark(key)]).size > 0;
      }),
    );
  }

  protected existingGroups({ tables }: MysqlServer, ids: readonly string[]): Map<string, GroupOutcome> {
    return new Map(ids.flatMap((id) => pairOf(id, tables.groups.get(id))));
  }

  protected frozenIn({ tables }: MysqlServer, accountIds: readonly string[]): Set<string> {
    return new Set(accountIds.filter((id) => tables.frozen.has(id)));
  }
  protected unsettledIn({ tables }: MysqlServer, kind: InDoubtAttempt['kind'], ids: readonly string[]): Set<string> {
    return new Set(ids.filter((id) => tables.unsettled.has(keyOf(kind, id))));
  }

  /** @throws DirectError `moved` */
  protected requireAuthority({ tables }: MysqlServer, epoch: number): void {
    const { authority } = tables;
    if (authority.mode !== 'DIRECT' || authority.epoch !== epoch) {
      throw new DirectError(
        'moved',
        `the authority is at ${authority.mode} ${authority.epoch}, not at DIRECT ${epoch}`,
      );
    }
  }

  async #transaction<T>(epoch: number, ids: readonly string[], work: (server: MysqlServer) => T): Promise<T> {
    try {
      await this.raiseIdTimeMax(ids);
    } catch (error) {
      throw new DirectError('unable', String(error), { cause: error });
    }
    try {
      return await this.client.transaction((server) => {
        this.requireAuthority(server, epoch);
        return work(server);
      });
    } catch (error) {
      if (error instanceof DirectError) throw error;
      if (error instanceof StoreLost) throw new DirectError(error.kind, error.message);
      throw new DirectError('unable', String(error), { cause: error });
    }
  }

  /**
   * Runs a separate transaction before the actual one: MySQL must record that it may have such ids before it has them.
   */
  protected async raiseIdTimeMax(ids: readonly string[]): Promise<void> {
    const latest = Math.max(...ids.map((id) => uuidV7Time(id) ?? 0));
    if (latest <= this.#idTimeMax) return;
    await this.client.transaction(({ tables, wallMs }) => {
      const raised = Math.min(latest, wallMs + ID_AHEAD_MS_MAX) + ID_TIME_STEP_MS;
      tables.cursor = { ...tables.cursor, idTimeMax: Math.max(tables.cursor.idTimeMax, raised) };
      this.#idTimeMax = Math.max(this.#idTimeMax, tables.cursor.idTimeMax);
    });
  }
}

const pairOf = <T>(id: string, row: T | undefined): [string, T][] => (row === undefined ? [] : [[id, row]]);
