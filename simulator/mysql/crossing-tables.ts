import { windowsAt } from '../../app/domain/business-calendar.ts';
import type { NewAccount } from '../../app/domain/types.ts';
import type { CrossingClosing, CrossingStore, OpenCrossing } from '../../app/ledger/ports/crossings.ts';
import type { BusinessWindows } from '../../app/ledger/ports/ledger.ts';
import type { MysqlClient } from './mysql-client.ts';
import type { Tables } from './tables.ts';

/** The same transactions as app/mysql/ledger/crossing-store.ts. */
export class CrossingTables implements CrossingStore {
  readonly #client: MysqlClient;
  constructor(client: MysqlClient) {
    this.#client = client;
  }

  open({ toShard, minAgeMs, after, limit }: Parameters<CrossingStore['open']>[0]): Promise<OpenCrossing[]> {
    const isAfter = (row: OpenCrossing) => after === null || byAge(after, row) < 0;
    return this.#client.call(({ tables, wallMs }) =>
      openIn(tables, wallMs)
        .filter((row) => row.toShard === toShard && row.ageMs >= minAgeMs && isAfter(row))
        .sort(byAge)
        .slice(0, limit),
    );
  }

  closed(transactionIds: readonly string[]): Promise<CrossingClosing[]> {
    return this.#client.call(({ tables }) => transactionIds.flatMap((id) => tables.crossings.get(id)?.closing ?? []));
  }

  close(closings: readonly CrossingClosing[]): Promise<void> {
    return this.#client.call(({ tables }) => {
      for (const closing of closings) {
        const row = tables.crossings.get(closing.transactionId);
        if (row && row.closing === null) tables.set(tables.crossings, closing.transactionId, { ...row, closing });
      }
    });
  }

  takeTurn({ toShard, holder, forMs }: Parameters<CrossingStore['takeTurn']>[0]): Promise<boolean> {
    return this.#client.call(({ tables, wallMs }) => {
      const turn = tables.crossingTurns.get(toShard);
      if (turn && turn.holder !== holder && turn.untilMs > wallMs) return false;
      tables.set(tables.crossingTurns, toShard, { holder, untilMs: wallMs + forMs });
      return true;
    });
  }

  summary(): ReturnType<CrossingStore['summary']> {
    return this.#client.call(({ tables, wallMs }) => {
      const open = openIn(tables, wallMs);
      return [...new Set(open.map(({ toShard }) => toShard))].sort().map((toShard) => {
        const own = open.filter((row) => row.toShard === toShard);
        return { toShard, open: own.length, oldestAgeMs: Math.max(...own.map(({ ageMs }) => ageMs)) };
      });
    });
  }
}

/** The books of a shard, as in app/mysql/ledger/books.ts. Opening accounts that exist changes nothing. */
export class OpeningTables {
  readonly #client: MysqlClient;
  constructor(client: MysqlClient) {
    this.#client = client;
  }

  openAccounts(accounts: readonly NewAccount[]) {
    return this.#client.call(({ tables }) =>
      accounts.map(({ name, ...account }) => {
        const created = !tables.accounts.has(account.accountId);
        const opened = { ...account, balance: 0, held: 0, version: 0, status: 'ACTIVE' as const, settingsVersion: 1 };
        if (created) tables.set(tables.accounts, account.accountId, { ...opened, limits: null });
        return { account: { ...opened, limits: null, name, openedAt: 0 }, created };
      }),
    );
  }

  businessWindows(at: number): Promise<BusinessWindows | null> {
    return this.#client.call(({ tables: { calendar } }) => {
      const windows = windowsAt(calendar, at);
      if (!windows) return null;
      // The ends are not used.
      const { dayStart, monthStart } = windows;
      return { day: { start: dayStart, end: dayStart }, month: { start: monthStart, end: monthStart } };
    });
  }
}

const openIn = ({ crossings }: Tables, nowMs: number): OpenCrossing[] =>
  [...crossings].flatMap(([transactionId, { closing, openedAt, ...row }]) =>
    closing === null ? [{ transactionId, ...row, openedAt, ageMs: nowMs - openedAt }] : [],
  );

type Place = Pick<OpenCrossing, 'openedAt' | 'transactionId'>;
const byAge = (a: Place, b: Place): number =>
  a.openedAt - b.openedAt || (a.transactionId < b.transactionId ? -1 : a.transactionId > b.transactionId ? 1 : 0);
