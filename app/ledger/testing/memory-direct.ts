import type { GroupOutcome } from '../../domain/group.ts';
import { Problem } from '../../domain/problem.ts';
import type { Account, Outcome } from '../../domain/types.ts';
import type { HoldResult } from '../../journal/hold-codec.ts';
import { decideChange, decideTransfers, LedgerTime } from '../direct/decide.ts';
import { decideGroups } from '../direct/decide-group.ts';
import { decideHolds } from '../direct/decide-holds.ts';
import {
  type DirectChange,
  DirectError,
  type DirectErrorKind,
  type DirectGroup,
  type DirectHold,
  type DirectItem,
  type DirectServer,
  type HoldAnswer,
} from '../ports/direct-server.ts';
import type { MemoryDatabase } from './model-ledger.ts';

/** The fate of a call: the error with which it fails, and whether it was carried out nevertheless. */
interface Fate {
  kind: DirectErrorKind;
  done: boolean;
}

/** MySQL with the authority, as a pod sees it. It decides like the real database, on data provided by the test. */
export class MemoryDirect implements DirectServer {
  readonly #database: MemoryDatabase;
  readonly #changes = new Set<string>();
  /** The fates of the next calls, in order; later calls succeed. */
  readonly fates: Fate[] = [];
  calls = 0;

  constructor(database: MemoryDatabase) {
    this.#database = database;
  }

  async apply(epoch: number, items: readonly DirectItem[]): Promise<(Outcome | Problem)[]> {
    return this.#call(epoch, () => {
      const { accounts, outcomes: existing, frozen, unsettled } = this.#database;
      const decided = decideTransfers(items, { epoch, accounts, existing, frozen, unsettled, time: this.#time() });
      for (const outcome of decided.outcomes) existing.set(outcome.order.transactionId, { ...outcome, replayed: true });
      for (const { accountId, balance, version } of decided.moves) {
        const account = accounts.get(accountId);
        if (account) accounts.set(accountId, { ...account, balance, version });
      }
      return decided.answers;
    });
  }

  async applyGroups(epoch: number, items: readonly DirectGroup[]): Promise<(GroupOutcome | Problem)[]> {
    return this.#call(epoch, () => {
      const { accounts, outcomes: existing, groups, frozen, unsettled } = this.#database;
      const found = {
        epoch,
        accounts,
        existing,
        groups,
        frozen,
        unsettled,
        unsettledGroups: unsettled,
        time: this.#time(),
      };
      const decided = decideGroups(items, found);
      for (const outcome of decided.outcomes) existing.set(outcome.order.transactionId, { ...outcome, replayed: true });
      for (const outcome of decided.groups) groups.set(outcome.group.groupId, { ...outcome, replayed: true });
      for (const { accountId, balance, version } of decided.moves) {
        const account = accounts.get(accountId);
        if (account) accounts.set(accountId, { ...account, balance, version });
      }
      return decided.answers;
    });
  }

  async applyHolds(epoch: number, items: readonly DirectHold[]): Promise<(HoldAnswer | Problem)[]> {
    return this.#call(epoch, () => {
      const { accounts, outcomes: existing, holds, holdOutcomes, frozen, unsettled } = this.#database;
      const known = new Map<string, HoldResult>();
      for (const [id, capture] of existing) known.set(id, { capture });
      for (const [key, { event }] of holdOutcomes) known.set(key, { event });
      const found = { epoch, accounts, holds, known, frozen, unsettledKeys: unsettled, time: this.#time() };
      const decided = decideHolds(items, found);
      for (const outcome of decided.outcomes) existing.set(outcome.order.transactionId, { ...outcome, replayed: true });
      this.#database.writeHolds(decided.events, decided.outcomes);
      for (const { accountId, balance, version, held } of decided.moves) {
        const account = accounts.get(accountId);
        if (account) accounts.set(accountId, { ...account, balance, version, held: held?.after ?? account.held });
      }
      return decided.answers;
    });
  }

  async change(epoch: number, change: DirectChange): Promise<Account> {
    const { accountId, changeId } = change;
    const decided = this.#call(epoch, () => {
      const { accounts, frozen, unsettled } = this.#database;
      const decision = decideChange(change, {
        account: accounts.get(accountId),
        done: this.#changes.has(changeId),
        frozen: frozen.has(accountId),
        unsettled: unsettled.has(changeId),
        time: this.#time(),
      });
      if (!(decision instanceof Problem) && decision.write) {
        this.#changes.add(changeId);
        accounts.set(accountId, decision.account);
      }
      return decision;
    });
    if (decided instanceof Problem) throw decided;
    return decided.account;
  }

  #time(): LedgerTime {
    return new LedgerTime(this.#database.now(), new Map());
  }

  #call<T>(epoch: number, work: () => T): T {
    this.calls += 1;
    const { authority } = this.#database;
    if (authority?.mode !== 'DIRECT' || authority.epoch !== epoch)
      throw new DirectError('moved', 'the authority has moved');
    const fate = this.fates.shift();
    if (fate && !fate.done) throw new DirectError(fate.kind, 'as planned');
    const answer = work();
    if (fate) throw new DirectError(fate.kind, 'as planned');
    return answer;
  }
}
