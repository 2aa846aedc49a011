import { type HoldOutcome, holdOutcomeOf } from '../../app/domain/hold-events.ts';
import type { StoredHold } from '../../app/domain/hold-types.ts';
import { withoutMark } from '../../app/domain/ids.ts';
import type { Account, Outcome } from '../../app/domain/types.ts';
import type { Stamp } from '../../app/journal/cursor.ts';
import type { AuthorityStamp, LedgerDatabase } from '../../app/ledger/ports/ledger-database.ts';
import type { MysqlClient } from './mysql-client.ts';
import { keyOf, type Tables } from './tables.ts';

/** The same snapshots as app/mysql/ledger/ledger-reader.ts. */
export class ReaderTables implements LedgerDatabase {
  protected readonly client: MysqlClient;
  constructor(client: MysqlClient) {
    this.client = client;
  }

  loadAccounts(accountIds: readonly string[]) {
    return this.client.call(({ tables, wallMs }) => {
      const accounts = new Map<string, Account>();
      const frozen = new Set<string>();
      let acceptedUpTo = 0;
      for (const id of accountIds) {
        const account = tables.accounts.get(id);
        if (account) accounts.set(id, { ...account });
        acceptedUpTo = Math.max(acceptedUpTo, tables.acceptedMs.get(id) ?? 0);
        if (tables.frozen.has(id)) frozen.add(id);
      }
      return { ...this.stampsOf(tables), accounts, acceptedUpTo, readAt: wallMs, frozen };
    });
  }

  findOutcomes(transactionIds: readonly string[]) {
    return this.client.call(({ tables }) => {
      const outcomes = new Map<string, Outcome>();
      const unsettled = new Set<string>();
      for (const id of transactionIds) {
        const outcome = tables.transfers.get(id);
        if (outcome) outcomes.set(id, outcome);
        if (tables.unsettled.has(keyOf('transfers', id))) unsettled.add(id);
      }
      return { ...this.stampsOf(tables), outcomes, unsettled };
    });
  }

  findGroups(groupIds: readonly string[], transactionIds: readonly string[]) {
    return this.client.call(({ tables }) => {
      const outcomes = new Map(groupIds.flatMap((id) => pairOf(id, tables.groups.get(id))));
      const taken = new Set(transactionIds.filter((id) => tables.transfers.has(id)));
      const unsettled = new Set([
        ...groupIds.filter((id) => tables.unsettled.has(keyOf('group', id))).map((id) => `+${id}`),
        ...transactionIds.filter((id) => tables.unsettled.has(keyOf('transfers', id))),
      ]);
      return { ...this.stampsOf(tables), outcomes, taken, unsettled };
    });
  }

  findHolds(keys: readonly string[]) {
    return this.client.call(({ tables }) => {
      const outcomes = new Map<string, HoldOutcome>();
      const unsettled = new Set<string>();
      for (const key of keys) {
        const id = withoutMark(key);
        const isPlacing = key.startsWith('=');
        const event = isPlacing ? tables.holds.get(id)?.placing : tables.holdUpdates.get(id);
        if (event) outcomes.set(key, holdOutcomeOf(event, true, true));
        if (tables.unsettled.has(keyOf(isPlacing ? 'hold' : 'hold-event', id))) unsettled.add(key);
      }
      return { ...this.stampsOf(tables), outcomes, unsettled };
    });
  }

  loadHolds(holdIds: readonly string[]) {
    return this.client.call(({ tables, wallMs }) => {
      const holds = new Map<string, StoredHold>();
      const frozen = new Set<string>();
      for (const id of holdIds) {
        const hold = tables.storedHold(id);
        if (hold) holds.set(id, hold);
        if (hold && tables.frozen.has(hold.account)) frozen.add(id);
      }
      return { ...this.stampsOf(tables), holds, frozen, readAt: wallMs };
    });
  }

  protected stampsOf({ authority, cursor }: Tables): { stamp: Stamp; authority: AuthorityStamp } {
    const { epoch, mode, cacheEpoch } = authority;
    const recovered = mode === 'CACHE' || (mode !== 'CLOSING' && cacheEpoch === null);
    return { stamp: { epoch: cursor.epoch, cursor: cursor.seq }, authority: { epoch, mode, recovered } };
  }
}

const pairOf = <T>(id: string, row: T | undefined): [string, T][] => (row === undefined ? [] : [[id, row]]);
