import { notFound } from '../../domain/account-problems.ts';
import { newUuidV7 } from '../../domain/ids.ts';
import { Problem, type ProblemCode } from '../../domain/problem.ts';
import { ledgerStopped } from '../../domain/stop.ts';
import type { AccountChange, AccountView } from '../../domain/types.ts';
import { CacheError, type CacheServer, type ChangeCommand } from '../../journal/cache-port.ts';
import { type ChangePayload, type Head, RecordStatus, type ResultRecord, statusNumber } from '../../journal/codec.ts';
import type { InDoubtAttempt } from '../../journal/journal-entry.ts';
import type { Clock } from '../../kernel/clock.ts';
import { backoffMs } from '../../kernel/retry.ts';
import { AttemptCall, type EpochView, type Session, type TrackedAttempt } from '../epoch/epoch-view.ts';
import { DirectError, type DirectServer } from '../ports/direct-server.ts';
import type { LedgerEvents } from '../ports/ledger-events.ts';
import { type AccountLoader, Uncached } from './account-loader.ts';
import { viewOf } from './account-reader.ts';

const FAILURES_MAX = 3;
const RETRY_BASE_MS = 50;

/** The refusals of change-account.lua, by their number in a REJECTED record. */
const REFUSALS: Record<number, [ProblemCode, string]> = {
  1: ['settings_version_mismatch', 'its settings version has changed'],
  2: ['account_closed', 'it is closed permanently'],
  3: ['account_not_empty', 'its balance or its held amount is not zero'],
  4: ['internal_error', 'its settings version is exhausted'],
};

interface AccountChangerDependencies {
  cache: CacheServer;
  direct: DirectServer;
  session: Session;
  loader: AccountLoader;
  clock: Clock;
  events: LedgerEvents;
  requestTimeoutMs: number;
}

/** A change in progress: it has the same id in every store in which it is tried. */
class ChangeAttempt implements TrackedAttempt {
  change: AccountChange;
  /** When this pod received the request, by its own clock, ms. */
  readonly takenAt: number;
  readonly deadline: number;
  inDoubt = false;
  failures = 0;

  constructor(change: AccountChange, takenAt: number, deadline: number) {
    this.change = change;
    this.takenAt = takenAt;
    this.deadline = deadline;
  }

  inDoubtAttempts(): InDoubtAttempt[] {
    return [{ kind: 'account-change', id: this.change.changeId, accounts: [this.change.accountId] }];
  }

  leaveInDoubt(): void {
    this.inDoubt = true;
  }

  /** The problem to return when the attempt cannot continue. */
  giveUp(problem: Problem): Problem {
    const { accountId } = this.change;
    return this.inDoubt
      ? new Problem('outcome_unknown', `it is unknown whether account ${accountId} was changed; read the account`)
      : problem;
  }
}

/** Changes accounts' settings, in the store that has the authority; an in-doubt change is retried under its own id. */
export class AccountChanger {
  readonly #deps: AccountChangerDependencies;

  constructor(deps: AccountChangerDependencies) {
    this.#deps = deps;
  }

  /** @throws Problem */
  async change(change: AccountChange): Promise<AccountView> {
    const { clock, session, requestTimeoutMs } = this.#deps;
    const attempt = new ChangeAttempt(change, clock.now(), clock.monotonic() + requestTimeoutMs);
    while (clock.monotonic() < attempt.deadline && attempt.failures <= FAILURES_MAX) {
      const view = session.view();
      const direct = session.direct();
      if (view) {
        const done = await this.#inCache(view, attempt);
        if (done) return done;
      } else if (direct !== null) {
        const done = await this.#inDatabase(direct, attempt);
        if (done) return done;
      } else if (session.holdReason() === 'ledger_closed') break;
      else await clock.sleep(RETRY_BASE_MS);
    }
    const works = session.view() !== null || session.direct() !== null;
    const reason = session.holdReason();
    const code = works && reason !== 'database_unavailable' ? 'overloaded' : reason;
    throw attempt.giveUp(new Problem(code, 'the account could not be changed in time'));
  }

  /** Null if the change must be retried. */
  async #inCache(view: EpochView, attempt: ChangeAttempt): Promise<AccountView | null> {
    const { cache, clock, session } = this.#deps;
    const call = new AttemptCall([attempt], view);
    try {
      const { record, head, entries } = await cache.change(view.caller, commandOf(attempt));
      if (session.view() !== view) {
        call.lost(clock.monotonic());
        return null;
      }
      call.proven();
      view.keep(entries, clock.monotonic());
      view.observe(head);
      return await this.#take(view, attempt, record, head);
    } catch (error) {
      const inDoubtChange = !(error instanceof Problem) && !(error instanceof CacheError && error.kind !== 'in_doubt');
      if (inDoubtChange) call.lost(clock.monotonic());
      else call.proven();
      if (error instanceof Problem) throw attempt.giveUp(error);
      session.suspect(error, view);
      await this.#failed(attempt, inDoubtChange || (error instanceof CacheError && error.kind === 'unable'));
      return null;
    }
  }

  async #inDatabase(epoch: number, attempt: ChangeAttempt): Promise<AccountView | null> {
    const { direct, clock, session } = this.#deps;
    const call = new AttemptCall([attempt], null);
    try {
      const account = await direct.change(epoch, { ...attempt.change, takenAt: attempt.takenAt });
      return { ...account, source: 'database', asOf: clock.now(), stale: false };
    } catch (error) {
      const kind = error instanceof DirectError ? error.kind : 'in_doubt';
      if (error instanceof Problem || kind !== 'in_doubt') call.proven();
      else call.lost(clock.monotonic());
      if (error instanceof Problem) throw attempt.giveUp(error);
      if (kind === 'failed') {
        const options = { cause: error };
        throw attempt.giveUp(new Problem('internal_error', 'the account could not be changed', {}, options));
      }
      if (kind === 'moved') session.moved(epoch);
      await this.#failed(attempt, !(error instanceof DirectError));
      return null;
    }
  }

  async #failed(attempt: ChangeAttempt, costsTry: boolean): Promise<void> {
    const { clock, events } = this.#deps;
    if (costsTry) attempt.failures += 1;
    if (attempt.failures > FAILURES_MAX) return;
    events.retried('change');
    await clock.sleep(backoffMs(attempt.failures, RETRY_BASE_MS, clock));
  }

  async #take(view: EpochView, attempt: ChangeAttempt, record: ResultRecord, head: Head): Promise<AccountView | null> {
    const { change } = attempt;
    switch (record.status) {
      case RecordStatus.REPLAYED:
        // The entry of the change was in a reply that was lost: the change counts once it is in MySQL.
        attempt.inDoubt = true;
        if (record.seq > view.cursor) {
          await this.#deps.clock.sleep(RETRY_BASE_MS);
          return null;
        }
        view.inDoubt.resolved('account-change', change.changeId);
        return this.#currentAccount(view, change.accountId);
      case RecordStatus.POSTED:
        // From here on, the change has been made, whatever the read returns: it must not be reported as failed.
        attempt.inDoubt = true;
        view.inDoubt.resolved('account-change', change.changeId);
        return this.#currentAccount(view, change.accountId);
      case RecordStatus.MISSING: {
        const loaded = (await this.#deps.loader.ensure([change.accountId])).get(change.accountId);
        if (loaded instanceof Problem && loaded.code !== 'ledger_switching') throw loaded;
        // The next flush makes room in the cache.
        if (loaded instanceof Uncached || loaded instanceof Problem) await this.#deps.clock.sleep(RETRY_BASE_MS);
        return null;
      }
      case RecordStatus.NEEDS_LOOKUP:
      case RecordStatus.AHEAD:
        if (attempt.inDoubt) throw new Problem('overloaded', 'the id of the change can no longer be retried');
        // The id is too old (not later than the lookup horizon) or too far ahead. No attempt is in doubt, so a new id
        // is equivalent. It must be later than the current lookup horizon, which may have been lowered since this pod
        // first received it: an id later than the old horizon would be too far ahead on every attempt.
        attempt.change = { ...change, changeId: newUuidV7(Math.max(head.time, head.lookupHorizon + 1)) };
        return null;
      case RecordStatus.STOPPED:
        throw ledgerStopped();
      default: {
        const [code, why] = REFUSALS[record.detail] ?? ['internal_error', 'it was refused'];
        throw new Problem(code, `account ${change.accountId} cannot be changed: ${why}`);
      }
    }
  }

  /** Null if the epoch ended in the meantime, because its replies no longer count then. */
  async #currentAccount(view: EpochView, accountId: string): Promise<AccountView | null> {
    const { cache, loader, session } = this.#deps;
    const { head, accounts } = await cache.read(view.caller, [accountId]);
    if (session.view() !== view) return null;
    view.observe(head);
    const account = accounts[0] ?? (await loader.ensure([accountId])).get(accountId);
    if (!account || account instanceof Problem) throw account ?? notFound(accountId);
    if (session.view() !== view) return null;
    if (account instanceof Uncached) return { ...account.account, source: 'database', asOf: head.time, stale: false };
    return viewOf(account, head.time);
  }
}

function commandOf({ change, takenAt }: ChangeAttempt): ChangeCommand {
  const payload: ChangePayload = {
    changeId: change.changeId,
    accountId: change.accountId,
    acceptedAt: takenAt,
    user: change.user,
    correlationId: change.correlationId,
    ...(change.limits && { limits: change.limits }),
  };
  return {
    accountId: change.accountId,
    changeId: change.changeId,
    expectedSettingsVersion: change.expectedSettingsVersion ?? null,
    status: change.status ? statusNumber(change.status) : null,
    overdraftLimit: change.overdraftLimit ?? null,
    ...(change.limits && { limits: change.limits }),
    payload: JSON.stringify(payload),
  };
}
