import type { Format, Mode } from '../../app/domain/authority.ts';
import { type BusinessCalendar, windowsAt } from '../../app/domain/business-calendar.ts';
import type { GroupOutcome } from '../../app/domain/group.ts';
import type { HoldEvent, HoldPlaced, HoldRefused, HoldUpdated } from '../../app/domain/hold-events.ts';
import type { HoldState, StoredHold } from '../../app/domain/hold-types.ts';
import { changedLimits, usageSince } from '../../app/domain/limits.ts';
import type { Account, Outcome } from '../../app/domain/types.ts';
import { countedIn, usagesAfter } from '../../app/journal/counted-usage.ts';
import type { Cursor } from '../../app/journal/cursor.ts';
import { type AccountMove, IntegrityError, type JournaledChange } from '../../app/journal/flush-batch.ts';
import type { InDoubtAttempt, JournalEntry } from '../../app/journal/journal-entry.ts';
import type { FrozenAccount } from '../../app/journal/recovery/recover-epoch.ts';
import type { Recovery } from '../../app/journal/recovery/recovery.ts';
import type { CrossingClosing } from '../../app/ledger/ports/crossings.ts';

export interface AuthorityRow {
  epoch: number;
  mode: Mode;
  format: Format;
  cacheEpoch: number | null;
  cacheFormat: Format | null;
  redisNode: string | null;
  replid: string | null;
  marker: string | null;
  highestKnownSeq: number | null;
  stops: number;
  changedAtMs: number;
}
export interface PodsRow {
  podId: string;
  epoch: number;
  observed: number;
  retiredSeq: number | null;
  handedOver: boolean;
  heartbeatMs: number;
}
export interface ProcessRow {
  processId: string;
  redisSeen: boolean;
  redisSinceMs: number;
  heartbeatMs: number;
}
export interface ChangeRow extends JournaledChange {
  epoch: number;
}

export interface RecoveryRow extends Recovery {
  authorityEpoch: number;
  /** The position of the next page of in-doubt attempts; '' for the first page. */
  attemptPosition: string;
}
export interface InDoubtRow extends InDoubtAttempt {
  received: boolean;
}

/** The request for a hold, and its current state; null if it was refused. */
export interface HoldRow {
  placing: HoldPlaced | HoldRefused;
  state: HoldState | null;
}

/** A transfer that has left the shard of these tables for another one. */
export interface CrossingRow {
  toShard: number;
  currency: string;
  amount: number;
  /** By the clock of the server, ms since 1970. */
  openedAt: number;
  closing: CrossingClosing | null;
}

/** The rows of the tables of the books, in the order of `Tables`. */
export interface Backup {
  cursor: Cursor;
  books: readonly ReadonlyMap<unknown, unknown>[];
}

/** The primary key is taken. */
export class DuplicateKey extends Error {
  override readonly name = 'DuplicateKey';
}

/**
 * The content of MySQL, table by table, and the constraints of the schema. Every method is a statement of a
 * transaction.
 */
export class Tables {
  authority: AuthorityRow = {
    epoch: 0,
    mode: 'DIRECT',
    format: 1,
    cacheEpoch: null,
    cacheFormat: null,
    redisNode: null,
    replid: null,
    marker: null,
    highestKnownSeq: null,
    stops: 0,
    changedAtMs: 0,
  };
  cursor: Cursor = { epoch: 0, seq: 0, idTimeMax: 0 };
  /** The business calendar. */
  calendar: BusinessCalendar = { days: [], validUntil: 0 };
  readonly log: { epoch: number; mode: Mode; by: string; reason: string; atMs: number }[] = [];
  readonly pods = new Map<string, PodsRow>();
  readonly processes = new Map<string, ProcessRow>();
  readonly accounts = new Map<string, Account>();
  /** The time of the latest acceptance on each account, ms. */
  readonly acceptedMs = new Map<string, number>();
  /** Transfers in the order of their commits. */
  readonly transfers = new Map<string, Outcome>();
  readonly groups = new Map<string, GroupOutcome>();
  readonly changes = new Map<string, ChangeRow>();
  readonly holds = new Map<string, HoldRow>();
  /** Events of holds by their ids, without those that placed a hold. */
  readonly holdUpdates = new Map<string, HoldUpdated>();
  readonly crossings = new Map<string, CrossingRow>();
  /** Which courier handles the crossings toward a shard. */
  readonly crossingTurns = new Map<number, { holder: string; untilMs: number }>();
  /** Entries by epoch, and within it by their first seq. */
  readonly handedOverEntries = new Map<number, Map<number, JournalEntry>>();
  /** Attempts by epoch, and within it by pod, kind and id. */
  readonly handedOverAttempts = new Map<number, Map<string, InDoubtRow>>();
  readonly frozen = new Map<string, FrozenAccount>();
  /** By kind and id. */
  readonly unsettled = new Map<string, InDoubtAttempt>();
  readonly dropped: { kind: InDoubtAttempt['kind']; id: string; authorityEpoch: number }[] = [];
  recovery: RecoveryRow | null = null;
  /** The lease on the expiry of holds, virtual ms. */
  expiryLease: { holder: string; untilMs: number } = { holder: '', untilMs: 0 };

  #undo: (() => void)[] | null = null;
  readonly #wallMs: () => number;

  /** @param wallMs the wall clock of the server */
  constructor(wallMs: () => number) {
    this.#wallMs = wallMs;
  }

  /**
   * Takes effect completely or, if it throws, not at all. Transactions do not overlap: one that waits for a lock is
   * modeled as a later one.
   */
  transaction<T>(work: () => T): T {
    const undo: (() => void)[] = [];
    this.#undo = undo;
    const cursor = { ...this.cursor };
    const authority = { ...this.authority };
    const { recovery } = this;
    const dropped = this.dropped.length;
    try {
      return work();
    } catch (error) {
      for (const step of undo.reverse()) step();
      this.cursor = cursor;
      this.authority = authority;
      this.recovery = recovery;
      this.dropped.length = dropped;
      throw error;
    } finally {
      this.#undo = null;
    }
  }

  /** A backup of the books. The state of the running processes is not part of it. */
  backup(): Backup {
    return { cursor: { ...this.cursor }, books: this.#books().map((table) => new Map<unknown, unknown>(table)) };
  }

  /** Restores the books to the state of a backup. */
  restore({ cursor, books }: Backup): void {
    this.cursor = { ...cursor };
    for (const [index, table] of this.#books().entries()) {
      const rows = table as Map<unknown, unknown>;
      rows.clear();
      for (const [key, row] of books[index] ?? []) rows.set(key, row);
    }
  }

  #books(): Map<string, unknown>[] {
    const { accounts, acceptedMs, transfers, groups, changes, holds, holdUpdates, crossings } = this;
    return [accounts, acceptedMs, transfers, groups, changes, holds, holdUpdates, crossings];
  }

  set<K, V>(table: Map<K, V>, key: K, row: V): void {
    const before = table.get(key);
    table.set(key, row);
    this.#undo?.push(() => {
      if (before === undefined) table.delete(key);
      else table.set(key, before);
    });
  }
  delete<K, V>(table: Map<K, V>, key: K): void {
    const before = table.get(key);
    if (before === undefined) return;
    table.delete(key);
    this.#undo?.push(() => table.set(key, before));
  }
  clear<K, V>(table: Map<K, V>): void {
    for (const key of [...table.keys()]) this.delete(table, key);
  }

  /** Sets the absolute balances, with an optimistic lock on version and balance. @throws IntegrityError */
  moveAccounts(moves: readonly AccountMove[]): void {
    for (const move of moves) {
      const account = this.accounts.get(move.accountId);
      if (!account) throw new IntegrityError('an account in the journal is missing from MySQL');
      const held = move.held ?? { before: account.held, after: account.held };
      const fits =
        account.version === move.previousVersion &&
        account.balance === move.previousBalance &&
        account.held === held.before &&
        account.currency === move.currency;
      if (!fits)
        throw new IntegrityError(`account ${move.accountId} in MySQL differs from its previous state in the journal`);
      const { balance, version } = move;
      this.set(this.accounts, move.accountId, { ...account, balance, version, held: held.after });
      this.#accepted(move.accountId, move.acceptedAt);
    }
  }

  /** @throws DuplicateKey */
  insertOutcomes(outcomes: readonly Outcome[]): void {
    for (const outcome of outcomes) {
      const id = outcome.order.transactionId;
      if (this.transfers.has(id)) throw new DuplicateKey(`transfer ${id} already exists`);
      this.set(this.transfers, id, stored(outcome));
      this.#openCrossing(outcome);
    }
  }

  #openCrossing({ status, order: { transactionId, leg, currency, amount } }: Outcome): void {
    if (status !== 'POSTED' || leg?.name !== 'out') return;
    const row = { toShard: leg.otherShard, currency, amount, openedAt: this.#wallMs(), closing: null };
    this.set(this.crossings, transactionId, row);
  }

  /** @throws DuplicateKey */
  insertGroups(groups: readonly GroupOutcome[]): void {
    for (const outcome of groups) {
      const { groupId } = outcome.group;
      if (this.groups.has(groupId)) throw new DuplicateKey(`group ${groupId} already exists`);
      this.set(this.groups, groupId, { ...outcome, replayed: true, persisted: true });
    }
  }

  /**
   * Writes events of holds, and the captures among the outcomes, in the order of their holds' revisions.
   * @throws IntegrityError
   */
  writeHolds(events: readonly HoldEvent[], outcomes: readonly Outcome[]): void {
    const steps = [...events, ...outcomes]
      .map((one) => ({ one, revision: revisionOf(one) }))
      .sort((a, b) => a.revision - b.revision);
    for (const { one } of steps) {
      if (!('status' in one)) this.#writeHoldEvent(one);
      else if (one.status === 'POSTED' && one.hold) this.#moveHold(one.order.capture?.holdId ?? '', one.hold.hold);
    }
  }

  #writeHoldEvent(event: HoldEvent): void {
    if ('order' in event) {
      if (this.holds.has(event.holdId)) throw new DuplicateKey(`hold ${event.holdId} already exists`);
      this.set(this.holds, event.holdId, { placing: event, state: event.kind === 'PLACED' ? event.hold : null });
      return;
    }
    if (this.holdUpdates.has(event.eventId)) throw new DuplicateKey(`event ${event.eventId} already exists`);
    this.set(this.holdUpdates, event.eventId, event);
    this.#moveHold(event.holdId, event.hold);
  }

  /** The current state of a hold; null if there is no such hold, or if it was refused. */
  storedHold(holdId: string): StoredHold | null {
    const hold = this.holds.get(holdId);
    if (!hold?.state) return null;
    const { account, destination, currency } = hold.placing.order;
    return { holdId, account, destination, currency, ...hold.state };
  }

  #moveHold(holdId: string, state: HoldState): void {
    const hold = this.holds.get(holdId);
    if (hold?.state?.status !== 'OPEN' || hold.state.revision !== state.revision - 1)
      throw new IntegrityError(`hold ${holdId} in MySQL differs from its previous state in the journal`);
    this.set(this.holds, holdId, { ...hold, state });
  }

  /** @throws IntegrityError, DuplicateKey */
  writeChange(change: JournaledChange, epoch: number): void {
    const { accountId, changeId, status, overdraftLimit, settingsVersion, limits } = change;
    const account = this.accounts.get(accountId);
    if (account?.settingsVersion !== settingsVersion - 1) {
      throw new IntegrityError(`account ${accountId} is not at settings version ${settingsVersion - 1} in MySQL`);
    }
    if (this.changes.has(changeId)) throw new DuplicateKey(`change ${changeId} already exists`);
    const after = limits ? changedLimits(account.limits, limits, change.acceptedAt) : account.limits;
    this.set(this.accounts, accountId, { ...account, status, overdraftLimit, settingsVersion, limits: after });
    this.set(this.changes, changeId, { ...change, epoch });
    this.#accepted(accountId, change.takenAt === null ? null : change.acceptedAt);
  }

  /** Adds the debits of a batch to the usage of limits. @throws IntegrityError */
  countUsage(decided: readonly (Outcome | HoldEvent)[], changes: readonly JournaledChange[]): void {
    const batch = countedIn(decided, changes);
    const usageOf = (id: string) => this.accounts.get(id)?.limits?.usage;
    const before = new Map(batch.accountIds.map((id) => [id, usageOf(id) ?? usageSince(0)]));
    const windowsOf = (time: number) => {
      const windows = windowsAt(this.calendar, time);
      if (!windows) throw new IntegrityError(`the calendar has no business day for ${time}`);
      return windows;
    };
    for (const [accountId, usage] of usagesAfter(batch, before, windowsOf)) {
      const account = this.accounts.get(accountId);
      if (account?.limits) this.set(this.accounts, accountId, { ...account, limits: { ...account.limits, usage } });
    }
  }

  #accepted(accountId: string, acceptedAt: number | null): void {
    if (acceptedAt === null || acceptedAt <= (this.acceptedMs.get(accountId) ?? 0)) return;
    this.set(this.acceptedMs, accountId, acceptedAt);
  }
}

function revisionOf(one: HoldEvent | Outcome): number {
  if ('status' in one) return one.status === 'POSTED' ? (one.hold?.hold.revision ?? 0) : 0;
  return one.kind === 'REFUSED' ? 0 : one.hold.revision;
}

/** The outcome as it is read later: it is committed in MySQL, so any answer made from it is a replay. */
const stored = (outcome: Outcome): Outcome => ({ ...outcome, replayed: true, persisted: true });

/** Whether MySQL has an outcome of the attempt's id, or of the group that decides whether the id was used. */
export function isKnown(tables: Tables, { kind, id, groupId }: InDoubtAttempt): boolean {
  const { transfers, changes, groups, holds, holdUpdates } = tables;
  if (groupId !== undefined && groups.has(groupId)) return true;
  return { transfers, 'account-change': changes, group: groups, hold: holds, 'hold-event': holdUpdates }[kind].has(id);
}

export const keyOf = (kind: InDoubtAttempt['kind'], id: string): string => `${kind} ${id}`;
