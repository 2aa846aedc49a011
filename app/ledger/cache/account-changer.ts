import type { Clock } from '../../clock.ts';
import { Problem, type ProblemCode } from '../../errors.ts';
import { newUuidV7 } from '../../ids.ts';
import { backoffMs } from '../../retry.ts';
import type { LedgerEvents } from '../events.ts';
import type { AccountChange, AccountView } from '../types.ts';
import { type AccountLoader, notFound, Uncached } from './account-loader.ts';
import { type ChangePayload, RecordStatus, type ResultRecord, statusNumber } from './codec.ts';
import type { EpochView, Seat } from './epoch-view.ts';
import { CacheError, type CacheServer, type ChangeCommand } from './port.ts';
import { viewOf } from './reader.ts';

const FAILURES_MAX = 3;
const RETRY_BASE_MS = 50;

/** REJECTED by change-account.lua, by number. */
const REFUSALS: Record<number, [ProblemCode, string]> = {
  1: ['settings_version_mismatch', 'its settings version is another by now'],
  2: ['account_closed', 'it is closed for good'],
  3: ['account_not_empty', 'its balance is not zero'],
  4: ['internal_error', 'its settings version is exhausted'],
};

interface AccountChangerDependencies {
  cache: CacheServer;
  seat: Seat;
  loader: AccountLoader;
  clock: Clock;
  events: LedgerEvents;
  requestTimeoutMs: number;
}

/**
 * Changes accounts in the cache. A change has an id like a transfer: a repeat after an answer that was lost finds the
 * change that stands, instead of failing on the version that it made itself.
 */
export class AccountChanger {
  readonly #deps: AccountChangerDependencies;

  constructor(deps: AccountChangerDependencies) {
    this.#deps = deps;
  }

  /** @throws Problem */
  async change(change: AccountChange): Promise<AccountView> {
    const { clock, seat, events } = this.#deps;
    const deadline = clock.monotonic() + this.#deps.requestTimeoutMs;
    let command = commandOf(change, clock.now());
    let inDoubt = false;
    let failures = 0;
    while (clock.monotonic() < deadline) {
      const view = seat.view();
      if (!view) {
        await clock.sleep(RETRY_BASE_MS);
        continue;
      }
      try {
        const { record, head, entries } = await this.#deps.cache.change(view.caller, command);
        if (seat.view() !== view) {
          inDoubt = true;
          continue;
        }
        view.keep(entries, clock.monotonic());
        view.observe(head);
        // Done, whatever comes of reading it: from here on it must not be called undone.
        inDoubt ||= record.status === RecordStatus.POSTED || record.status === RecordStatus.REPLAYED;
        const done = await this.#take(view, change, record, inDoubt);
        if (done) return done;
        // Its id is not later than M, and no attempt is in doubt: a new id is as good.
        if (record.status === RecordStatus.NEEDS_LOOKUP) {
          const changeId = newUuidV7(Math.max(clock.now(), view.m + 1));
          command = commandOf({ ...change, changeId }, clock.now());
        }
      } catch (error) {
        if (error instanceof Problem) throw inDoubt ? unknown(change) : error;
        seat.suspect(error);
        const doubtful = !(error instanceof CacheError) || error.kind === 'in_doubt';
        inDoubt ||= doubtful;
        if ((doubtful || (error instanceof CacheError && error.kind === 'unable')) && ++failures > FAILURES_MAX) break;
        events.retried('change');
        await clock.sleep(backoffMs(failures, RETRY_BASE_MS, clock));
      }
    }
    if (inDoubt) throw unknown(change);
    throw new Problem(seat.view() ? 'overloaded' : seat.holdReason(), 'the account could not be changed in time');
  }

  /** The account as changed, or null when the change has to be tried again. */
  async #take(
    view: EpochView,
    change: AccountChange,
    record: ResultRecord,
    inDoubt: boolean,
  ): Promise<AccountView | null> {
    switch (record.status) {
      case RecordStatus.POSTED:
      case RecordStatus.REPLAYED:
        return this.#asItStands(view, change.accountId);
      case RecordStatus.MISSING: {
        const loaded = (await this.#deps.loader.ensure([change.accountId])).get(change.accountId);
        if (loaded instanceof Problem && !inDoubt) throw loaded;
        // The flush makes room.
        if (loaded instanceof Uncached) await this.#deps.clock.sleep(RETRY_BASE_MS);
        return null;
      }
      case RecordStatus.NEEDS_LOOKUP:
        if (inDoubt) throw unknown(change);
        return null;
      default: {
        const [code, why] = REFUSALS[record.detail] ?? ['internal_error', 'it was refused'];
        throw new Problem(code, `account ${change.accountId} cannot be changed so: ${why}`);
      }
    }
  }

  /** Null when the epoch ended meanwhile: then nothing that it said counts. */
  async #asItStands(view: EpochView, accountId: string): Promise<AccountView | null> {
    const { cache, clock, loader, seat } = this.#deps;
    const { head, accounts } = await cache.read(view.caller, [accountId]);
    if (seat.view() !== view) return null;
    view.observe(head);
    const account = accounts[0] ?? (await loader.ensure([accountId])).get(accountId);
    if (!account || account instanceof Problem) throw account ?? notFound(accountId);
    if (account instanceof Uncached) return { ...account.account, source: 'database', asOf: clock.now(), stale: false };
    return viewOf(account, clock.now());
  }
}

const unknown = ({ accountId }: AccountChange): Problem =>
  new Problem('outcome_unknown', `whether account ${accountId} was changed is not known; read it`);

function commandOf(change: AccountChange, acceptedAt: number): ChangeCommand {
  const payload: ChangePayload = {
    changeId: change.changeId,
    accountId: change.accountId,
    acceptedAt,
    user: change.user,
    correlationId: change.correlationId,
  };
  return {
    accountId: change.accountId,
    changeId: change.changeId,
    expectedSettingsVersion: change.expectedSettingsVersion ?? null,
    status: change.status ? statusNumber(change.status) : null,
    overdraftLimit: change.overdraftLimit ?? null,
    payload: JSON.stringify(payload),
  };
}
