import type { DueHold, DueHolds } from '../../app/jobs/hold-expiry.ts';
import type { JobState, Lease } from '../../app/jobs/single-run.ts';
import type { MysqlClient } from './mysql-client.ts';

/** The same query as app/mysql/operations/hold-schedule.ts. */
export class HoldScheduleTables implements DueHolds {
  readonly #client: MysqlClient;
  constructor(client: MysqlClient) {
    this.#client = client;
  }

  due(nowMs: number, after: DueHold | null, holdsMax: number): Promise<DueHold[]> {
    return this.#client.call(({ tables }) => {
      const isAfter = ({ expiresAt, holdId }: DueHold) =>
        after === null || expiresAt > after.expiresAt || (expiresAt === after.expiresAt && holdId > after.holdId);
      return [...tables.holds.values()]
        .flatMap(({ placing, state }): DueHold[] => {
          const { holdId, account, currency } = placing.order;
          if (state?.status !== 'OPEN' || state.expiresAt > nowMs || tables.frozen.has(account)) return [];
          return [{ holdId, account, currency, expiresAt: state.expiresAt }];
        })
        .filter(isAfter)
        .sort((a, b) => a.expiresAt - b.expiresAt || (a.holdId < b.holdId ? -1 : 1))
        .slice(0, holdsMax);
    });
  }
}

/** The lease on the expiry of holds, like a row of `job_leases`. */
export class ExpiryLeaseTables implements Lease {
  readonly #client: MysqlClient;
  constructor(client: MysqlClient) {
    this.#client = client;
  }

  state(): Promise<JobState> {
    return this.#client.call(({ tables, nowMs }) => {
      const { untilMs } = tables.expiryLease;
      return { nowMs, held: untilMs > nowMs, begunSlot: '', doneSlot: '' };
    });
  }
  take(holder: string, leaseMs: number): Promise<boolean> {
    return this.#client.call(({ tables, nowMs }) => {
      if (tables.expiryLease.untilMs > nowMs) return false;
      tables.expiryLease = { holder, untilMs: nowMs + leaseMs };
      return true;
    });
  }
  renew(holder: string, leaseMs: number): Promise<boolean> {
    return this.#client.call(({ tables, nowMs }) => {
      if (tables.expiryLease.holder !== holder || tables.expiryLease.untilMs <= nowMs) return false;
      tables.expiryLease = { holder, untilMs: nowMs + leaseMs };
      return true;
    });
  }
  finish(holder: string): Promise<void> {
    return this.#client.call(({ tables }) => {
      if (tables.expiryLease.holder === holder) tables.expiryLease = { holder: '', untilMs: 0 };
    });
  }
}
