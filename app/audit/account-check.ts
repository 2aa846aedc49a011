import { hash } from 'node:crypto';
import type { Windows } from '../domain/limits.ts';
import type { SealedEntry } from '../journal/sealed/sealed-entry.ts';
import type { LogHead } from '../journal/sealed/sealed-rows.ts';
import { differenceOf } from './account-state.ts';
import type { AuditedAccount, AuditedHold, AuditFault, AuditScope, AuditSource, MomentView } from './audit-source.ts';
import { EMPTY_LOG, refuseBeyond, waitingEntry, walkLog } from './log-walk.ts';
import { Replay, type ReplayedHold } from './replay.ts';
import { RowSums } from './row-sums.ts';

interface AccountCheckOptions {
  /** The number of parts into which the accounts are divided; each needs a pass over the log. */
  parts: number;
  logBeganAt: number;
  windowsAt(time: number): Windows | null;
  fault(fault: AuditFault): void;
}

const UNPLACED = { position: null, index: null };

/** Compares the rows that change (accounts and holds) with a replay of the log, one part of the accounts at a time. */
export class AccountCheck {
  readonly #source: AuditSource;
  readonly #scope: AuditScope;
  readonly #options: AccountCheckOptions;
  #part = 0;
  #replay: Replay;
  #holds = new RowSums();
  /** The sum of all balances by currency, over the parts checked so far, at the audited end of the log. */
  readonly #sums = new Map<string, bigint>();
  accounts = 0;

  constructor(source: AuditSource, scope: AuditScope, options: AccountCheckOptions) {
    this.#source = source;
    this.#scope = scope;
    this.#options = options;
    this.#replay = this.#newReplay();
  }

  readonly #isWanted = (accountId: string): boolean =>
    this.#options.parts === 1 || partOf(accountId, this.#options.parts) === this.#part;

  #newReplay(): Replay {
    const { logBeganAt, windowsAt, fault } = this.#options;
    return new Replay({
      isWanted: this.#isWanted,
      windowsAt,
      logBeganAt,
      fault: (place, what, problem) => fault({ ...place, what, problem }),
      ended: (hold) => this.#holds.add(hold.holdId, textOfHold(hold), 1),
    });
  }

  async run(): Promise<void> {
    for (this.#part = 0; this.#part < this.#options.parts; this.#part++) {
      this.#replay = this.#newReplay();
      this.#holds = new RowSums();
      await this.#walk(EMPTY_LOG, this.#scope.head.position);
      await this.#compare();
    }
    for (const [currency, sum] of this.#sums)
      if (sum !== 0n && this.#scope.isComplete)
        this.#options.fault({ ...UNPLACED, what: `currency ${currency}`, problem: `all balances together are ${sum}` });
  }

  async #walk(from: LogHead, to: number): Promise<LogHead> {
    return walkLog(this.#source, { from, to, isWanted: this.#isWanted }, ({ entry, position, index }) =>
      this.#replay.take(entry, { position, index }),
    );
  }

  async #compare(): Promise<void> {
    for (const { currency, balance } of this.#replay.accounts.values())
      this.#sums.set(currency, (this.#sums.get(currency) ?? 0n) + BigInt(balance));
    // Most of what was sealed after the audited end is replayed before the view is opened, because a view should not
    // stay open for long.
    const end = await this.#source.atOneMoment(async ({ head }) => head);
    const caughtUp = await this.#walk(this.#scope.head, end.position);
    await this.#source.atOneMoment(async (view) => {
      refuseBeyond(view);
      await this.#walk(caughtUp, view.head.position);
      for (const line of view.waiting) this.#replay.take(waitingEntry(line, view.head), UNPLACED);
      for await (const page of view.accounts()) for (const stored of page) this.#compareAccount(stored);
      for (const { accountId } of this.#replay.accounts.values()) this.#missing(accountId);
      await this.#compareHolds(view);
    });
  }

  #missing(accountId: string): void {
    this.#options.fault({ ...UNPLACED, what: `account ${accountId}`, problem: 'its row is missing' });
  }

  #compareAccount(stored: AuditedAccount): void {
    const { accountId, balance, version, held } = stored.account;
    if (!this.#isWanted(accountId)) return;
    this.accounts += 1;
    const what = `account ${accountId}`;
    const state = this.#replay.accounts.get(accountId);
    this.#replay.accounts.delete(accountId);
    const fault = (problem: string) => this.#options.fault({ ...UNPLACED, what, problem });
    if (state) {
      const difference = differenceOf(state, stored);
      if (difference) fault(difference);
      // Its settings are not known from the log, so the rules were not applied to its transfers.
      else if (state.settings === null && this.#scope.isComplete)
        fault('neither its opening nor its state is in the log');
    } else if (stored.isLogged) fault('its row is not in the log');
    else if (this.#scope.isComplete) {
      if (balance !== 0 || version !== 0 || held !== 0 || stored.openedAt < this.#options.logBeganAt)
        fault('its row is not in the log');
    }
  }

  async #compareHolds(view: MomentView): Promise<void> {
    for (const hold of this.#replay.openHolds.values()) this.#holds.add(hold.holdId, textOfHold(hold), 1);
    for await (const page of view.holds())
      for (const hold of page) if (this.#isWanted(hold.account)) this.#holds.add(hold.holdId, textOfHold(hold), -1);
    const buckets = new Set(this.#holds.differing());
    if (buckets.size === 0) return;
    const isCandidate = (id: string) => buckets.has(this.#holds.bucketOf(id));
    const last = await this.#lastStates(view, isCandidate);
    const fault = (holdId: string, problem: string) =>
      this.#options.fault({ ...UNPLACED, ...last.get(holdId)?.place, what: `hold ${holdId}`, problem });
    for await (const page of view.holds()) {
      for (const stored of page) {
        if (!isCandidate(stored.holdId) || !this.#isWanted(stored.account)) continue;
        const known = last.get(stored.holdId);
        if (!known) fault(stored.holdId, 'its row is not in the log');
        else if (known.text !== textOfHold(stored))
          fault(stored.holdId, 'its row differs from its last event in the log');
        last.delete(stored.holdId);
      }
    }
    for (const holdId of last.keys()) fault(holdId, 'its row is missing');
  }

  /** The states of some holds after their last events in the log. */
  async #lastStates(view: MomentView, isCandidate: (holdId: string) => boolean) {
    const last = new Map<string, { text: string; place: { position: number | null; index: number | null } }>();
    const take = (entry: SealedEntry, position: number | null, index: number | null) => {
      const hold = holdIn(entry);
      if (!hold || !isCandidate(hold.holdId) || !this.#isWanted(hold.account)) return;
      if (!last.has(hold.holdId) && hold.hold.revision !== 1) return;
      last.set(hold.holdId, { text: textOfHold(hold), place: { position, index } });
    };
    await walkLog(this.#source, { from: EMPTY_LOG, to: view.head.position }, ({ entry, position, index }) =>
      take(entry, position, index),
    );
    for (const line of view.waiting) take(waitingEntry(line, view.head), null, null);
    return last;
  }
}

function holdIn(entry: SealedEntry): ReplayedHold | null {
  if (entry.kind === 'hold' && entry.event.kind !== 'REFUSED') {
    const { holdId, account, currency, hold } = entry.event;
    return { holdId, account, currency, hold };
  }
  if (entry.kind !== 'transfer' || entry.status !== 'POSTED' || !entry.hold || !entry.order.capture) return null;
  const { order, hold: after } = entry;
  return { holdId: entry.order.capture.holdId, account: order.source, currency: order.currency, hold: after.hold };
}

const textOfHold = ({ account, currency, hold }: AuditedHold): string => {
  const { status, amount, captured, expiresAt, revision, counted } = hold;
  const usage = counted ? [counted.at, counted.day, counted.month] : null;
  return JSON.stringify([account, currency, status, amount, captured, expiresAt, revision, usage]);
};

const partOf = (accountId: string, parts: number): number => hash('sha256', accountId, 'buffer').readUInt32LE() % parts;
