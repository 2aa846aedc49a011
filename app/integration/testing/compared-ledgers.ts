import { notFound } from '../../domain/account-problems.ts';
import type { BusinessCalendar } from '../../domain/business-calendar.ts';
import { isLeg } from '../../domain/crossing.ts';
import { accountsOfGroup, type GroupOutcome, memberIdTaken, membersOf } from '../../domain/group.ts';
import { TransitUnavailable, transitOf } from '../../domain/leg-rules.ts';
import { Problem, type ProblemCode } from '../../domain/problem.ts';
import { ledgerStopped } from '../../domain/stop.ts';
import type { Account, Outcome } from '../../domain/types.ts';
import type { Caller } from '../../journal/cache-port.ts';
import {
  encodeOrder,
  outcomeOf,
  outcomesOf,
  RecordStatus,
  type ResultRecord,
  statusNumber,
  TRANSIT_REASONS,
} from '../../journal/codec.ts';
import { encodeGroup, groupOutcome, groupOutcomeOf } from '../../journal/group-codec.ts';
import type { JournalEntry } from '../../journal/journal-entry.ts';
import type { DirectChange, DirectGroup, DirectItem, DirectServer } from '../../ledger/ports/direct-server.ts';
import type { Database } from '../../mysql/connection/pool.ts';
import { LedgerReader } from '../../mysql/ledger/ledger-reader.ts';
import { DIRECT_EPOCH, putAccounts } from '../../mysql/testing/direct-accounts.ts';
import type { RedisScripts } from '../../redis/redis-scripts.ts';

const MAX = Number.MAX_SAFE_INTEGER;
const LOOKED_UP = { lookupCursor: MAX };

/** The calls for which both stores must give the same answers. */
export interface ComparedLedger {
  open(accounts: readonly Account[]): Promise<void>;
  apply(items: readonly DirectItem[]): Promise<(Outcome | Problem)[]>;
  applyGroups(items: readonly DirectGroup[]): Promise<(GroupOutcome | Problem)[]>;
  change(change: DirectChange): Promise<Account>;
  accounts(ids: readonly string[]): Promise<Account[]>;
  /** Sets the number of times that an operator has stopped or released the ledger. It must only grow. */
  setStops(stops: number): Promise<void>;
}

/** Redis, called in the same way as by a pod. */
export class LuaLedger implements ComparedLedger {
  readonly #scripts: RedisScripts;
  readonly #caller: Caller;
  constructor(scripts: RedisScripts, caller: Caller) {
    this.#scripts = scripts;
    this.#caller = caller;
  }

  async begin(calendar: BusinessCalendar): Promise<void> {
    await this.#scripts.activate(this.#caller, this.#caller.replid, 'marker', 0);
    await this.#scripts.register(this.#caller, 'marker');
    await this.#scripts.setCalendar({ ...this.#caller, fenceEpoch: this.#caller.epoch }, calendar);
  }
  async setStops(stops: number): Promise<void> {
    await this.#scripts.register(this.#caller, 'marker', stops);
  }
  async open(accounts: readonly Account[]): Promise<void> {
    await this.#scripts.install(this.#caller, accounts, MAX, 1000);
  }

  async apply(items: readonly DirectItem[]): Promise<(Outcome | Problem)[]> {
    const { records, head } = await this.#scripts.apply(
      this.#caller,
      items.map(({ order: one, takenAt }) => ({ order: one, payload: encodeOrder(one, takenAt), ...LOOKED_UP })),
    );
    const { epoch } = this.#caller;
    const outcomes: (Outcome | undefined)[] = [];
    const missing = await this.#missing(items);
    const answers: (Outcome | Problem)[] = [];
    for (const [index, item] of items.entries()) {
      const record = records[index] as ResultRecord;
      if (record.status === RecordStatus.STOPPED) answers.push(ledgerStopped());
      else if (record.status === RecordStatus.MISSING) {
        const { source, destination } = item.order;
        answers.push(notFound([source, destination].find((id) => missing.has(id)) ?? ''));
      } else if (record.status === RecordStatus.TRANSIT) {
        const reason = TRANSIT_REASONS[record.detail - 1];
        if (!reason || !isLeg(item.order)) throw new Error('the record of a leg has no reason');
        answers.push(new TransitUnavailable(transitOf(item.order), reason));
      } else if (record.status === RecordStatus.REPLAYED || record.status === RecordStatus.SAME_CALL) {
        const same = record.status === RecordStatus.SAME_CALL ? outcomes[record.seq] : undefined;
        const existing = same ?? (await this.#existing(item.order.transactionId));
        answers.push({ ...existing, replayed: true });
      } else {
        outcomes[index] = outcomeOf(record, { ...item, acceptedAt: head.time, epoch });
        answers.push(outcomes[index]);
      }
    }
    return answers;
  }

  async applyGroups(items: readonly DirectGroup[]): Promise<(GroupOutcome | Problem)[]> {
    const { records, head, entries } = await this.#scripts.apply(
      this.#caller,
      items.map(({ group, takenAt }) => ({ group, payload: encodeGroup(group, takenAt, null), ...LOOKED_UP })),
    );
    const { epoch } = this.#caller;
    const outcomes: (GroupOutcome | undefined)[] = [];
    const answers: (GroupOutcome | Problem)[] = [];
    for (const [index, { group, takenAt }] of items.entries()) {
      const record = records[index] as ResultRecord;
      if (record.status === RecordStatus.STOPPED) answers.push(ledgerStopped());
      else if (record.status === RecordStatus.MEMBER_TAKEN) answers.push(memberIdTaken(group, record.detail));
      else if (record.status === RecordStatus.MISSING) {
        const there = new Set((await this.accounts(accountsOfGroup(group))).map(({ accountId }) => accountId));
        answers.push(notFound(accountsOfGroup(group).find((id) => !there.has(id)) ?? ''));
      } else if (record.status === RecordStatus.REPLAYED || record.status === RecordStatus.SAME_CALL) {
        const same = record.status === RecordStatus.SAME_CALL ? outcomes[record.seq] : undefined;
        answers.push({ ...(same ?? (await this.#existingGroup(group.groupId))), replayed: true });
      } else {
        const entry = entries.find(({ firstSeq }) => firstSeq === record.seq) as JournalEntry;
        const outcome = groupOutcome(group, entry, { acceptedAt: head.time, takenAt, epoch });
        outcomes[index] = outcome;
        answers.push(outcome);
      }
    }
    return answers;
  }

  async #existingGroup(groupId: string): Promise<GroupOutcome> {
    const { entries } = await this.#scripts.find(this.#caller, [`+${groupId}`]);
    const [entry] = entries;
    if (entry?.kind !== 'group') throw new Error(`group ${groupId} is known, but not in the journal`);
    return groupOutcomeOf(entry, this.#caller.epoch);
  }

  async change(change: DirectChange): Promise<Account> {
    const { record } = await this.#scripts.change(this.#caller, {
      accountId: change.accountId,
      changeId: change.changeId,
      expectedSettingsVersion: change.expectedSettingsVersion ?? null,
      status: change.status === undefined ? null : statusNumber(change.status),
      overdraftLimit: change.overdraftLimit ?? null,
      limits: change.limits ?? null,
      payload: '{}',
    });
    if (record.status === RecordStatus.STOPPED) throw ledgerStopped();
    if (record.status === RecordStatus.REJECTED) {
      const codes = ['settings_version_mismatch', 'account_closed', 'account_not_empty', 'internal_error'] as const;
      throw new Problem(codes[record.detail - 1] as ProblemCode, 'refused');
    }
    const [account] = await this.accounts([change.accountId]);
    if (!account) throw notFound(change.accountId);
    return account;
  }

  async accounts(ids: readonly string[]): Promise<Account[]> {
    const { accounts } = await this.#scripts.read(this.#caller, ids);
    return accounts.flatMap((found) => {
      if (!found) return [];
      const { modified: _, seq: __, ...account } = found;
      return [account];
    });
  }

  async #missing(items: readonly DirectItem[]): Promise<Set<string>> {
    const ids = [...new Set(items.flatMap(({ order: one }) => [one.source, one.destination]))];
    const found = new Set((await this.accounts(ids)).map(({ accountId }) => accountId));
    return new Set(ids.filter((id) => !found.has(id)));
  }
  async #existing(id: string): Promise<Outcome> {
    const { entries } = await this.#scripts.find(this.#caller, [id]);
    const all = entries.flatMap((entry) => {
      if (entry.kind !== 'group') return outcomesOf(entry, this.#caller.epoch);
      const outcome = groupOutcomeOf(entry, this.#caller.epoch);
      return outcome.status === 'POSTED' ? membersOf(outcome) : [];
    });
    const existing = all.find((outcome) => outcome.order.transactionId === id);
    if (!existing) throw new Error(`${id} is known, but not in the journal`);
    return existing;
  }
}

/** MySQL with the authority. */
export function sqlLedger(database: Database, store: DirectServer): ComparedLedger {
  const reader = new LedgerReader(database);
  const accounts = async (ids: readonly string[]) => {
    const found = (await reader.loadAccounts(ids)).accounts;
    return ids.flatMap((id) => found.get(id) ?? []);
  };
  const open = async (some: readonly Account[]) => {
    const there = new Set((await accounts(some.map(({ accountId }) => accountId))).map(({ accountId }) => accountId));
    const fresh = some.filter(({ accountId }) => !there.has(accountId));
    if (fresh.length > 0) await putAccounts(database, fresh);
  };
  return {
    open,
    accounts,
    apply: (items) => store.apply(DIRECT_EPOCH, items),
    applyGroups: (items) => store.applyGroups(DIRECT_EPOCH, items),
    change: (change) => store.change(DIRECT_EPOCH, change),
    setStops: async (stops) => void (await database.rows('UPDATE authority SET stops = ?', [stops])),
  };
}
