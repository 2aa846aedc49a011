import { type GroupOrder, type GroupOutcome, memberIdTaken, replayGroup } from '../../domain/group.ts';
import { changedLimits } from '../../domain/limits.ts';
import { groupNotFound, transferNotFound } from '../../domain/not-found.ts';
import { Problem, type Refusal } from '../../domain/problem.ts';
import type {
  AccountChange,
  AccountView,
  Durability,
  HistoryItem,
  NewAccount,
  Outcome,
  TransferOrder,
} from '../../domain/types.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { History, HistoryPage, HistoryQuery, Period } from '../../ledger/ports/history.ts';
import type {
  AccountDetails,
  AccountOpening,
  Books,
  BusinessWindows,
  Ledger,
  PostedSides,
  RefusedOrder,
} from '../../ledger/ports/ledger.ts';

/**
 * A simple ledger for testing the shapes of the API, without the guarantees of a real one. Tests can modify `accounts`
 * and `postingList`, and inject `failures`.
 */
export class MemoryLedger implements Ledger, Books, History {
  readonly accounts = new Map<string, AccountView>();
  readonly details = new Map<string, AccountDetails>();
  readonly outcomes = new Map<string, Outcome>();
  readonly groups = new Map<string, GroupOutcome>();
  readonly appliedGroups: { group: GroupOrder; durability: Durability }[] = [];
  readonly postingList: HistoryItem[] = [];
  readonly applied: { orders: readonly TransferOrder[]; durability: Durability }[] = [];
  readonly changes: AccountChange[] = [];
  /** By method name: what the method throws, or returns as its result. */
  readonly failures = new Map<keyof Ledger | keyof Books, Problem | Error>();
  /** Runs before each lookup of an outcome, so that a test can interleave another request. */
  beforeOutcome: (id: string) => Promise<void> = async () => {};
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  open(accountId: string, fields: Partial<AccountView> & { name?: string } = {}): void {
    const { name = null, ...view } = fields;
    const currency = view.currency ?? 'EUR';
    const [external, overdraftLimit] = [view.external ?? false, view.overdraftLimit ?? 0];
    const openedAt = this.#clock.now();
    this.details.set(accountId, { accountId, currency, overdraftLimit, name, external, openedAt, limits: null });
    this.accounts.set(accountId, {
      accountId,
      currency,
      external,
      balance: 0,
      held: 0,
      version: 0,
      overdraftLimit,
      status: 'ACTIVE',
      settingsVersion: 1,
      limits: null,
      source: 'cache',
      asOf: openedAt,
      stale: false,
      ...view,
    });
  }

  async apply(orders: readonly TransferOrder[], durability: Durability): Promise<(Outcome | Problem)[]> {
    const failure = this.failures.get('apply');
    if (failure instanceof Problem) return orders.map(() => failure);
    if (failure) throw failure;
    this.applied.push({ orders, durability });
    return orders.map((order) => this.#applyOne(order, durability));
  }

  /** Works on a copy of the accounts and outcomes, so that a refused group leaves nothing behind. */
  async applyGroup(group: GroupOrder, durability: Durability): Promise<GroupOutcome | Problem> {
    const failure = this.failures.get('applyGroup');
    if (failure instanceof Problem) return failure;
    if (failure) throw failure;
    this.appliedGroups.push({ group, durability });
    const { groupId, orders } = group;
    const existing = this.groups.get(groupId);
    if (existing) return replayGroup({ group, takenAt: 0, inDoubt: false }, existing);
    const taken = orders.findIndex(({ transactionId }) => this.outcomes.has(transactionId));
    if (taken >= 0) return memberIdTaken(group, taken);
    const before = [...this.accounts.values()].map((account) => ({ ...account }));
    const now = this.#clock.now();
    const persisted = durability === 'persisted';
    const common = {
      group,
      acceptedAt: now,
      takenAt: now,
      epoch: 1,
      seq: this.outcomes.size + 1,
      replayed: false,
      persisted,
    };
    const sides = [];
    for (const [index, order] of orders.entries()) {
      const answer = this.#applyOne(order, durability);
      if (!(answer instanceof Problem) && answer.status === 'POSTED') {
        sides.push({ source: answer.source, destination: answer.destination });
        continue;
      }
      for (const account of before) this.accounts.set(account.accountId, account);
      for (const { transactionId } of orders) this.outcomes.delete(transactionId);
      if (answer instanceof Problem) return answer;
      const rejected: GroupOutcome = { ...common, status: 'REJECTED', index, refusal: answer.refusal };
      this.groups.set(groupId, rejected);
      return rejected;
    }
    const posted: GroupOutcome = { ...common, status: 'POSTED', sides };
    this.groups.set(groupId, posted);
    return posted;
  }

  async preview(orders: readonly TransferOrder[]): Promise<PostedSides | RefusedOrder> {
    this.#failFor('preview');
    for (const id of orders.flatMap(({ source, destination }) => [source, destination]))
      if (!this.accounts.has(id)) throw noAccount(id);
    const before = [...this.accounts.values()].map((account) => ({ ...account }));
    const sides = [];
    let refused: RefusedOrder | null = null;
    for (const [index, order] of orders.entries()) {
      const [source, destination] = [this.accounts.get(order.source), this.accounts.get(order.destination)];
      if (!source || !destination) throw noAccount(order.source);
      const refusal = refusalOf(order, source, destination);
      if (refusal) {
        refused = { index, refusal };
        break;
      }
      sides.push({ source: move(source, -order.amount), destination: move(destination, order.amount) });
    }
    for (const account of before) this.accounts.set(account.accountId, account);
    return refused ?? { sides };
  }

  async groupOutcome(groupId: string): Promise<GroupOutcome> {
    this.#failFor('groupOutcome');
    const outcome = this.groups.get(groupId);
    if (!outcome) throw groupNotFound(groupId);
    return { ...outcome, replayed: true };
  }

  async outcome(transactionId: string): Promise<Outcome> {
    this.#failFor('outcome');
    await this.beforeOutcome(transactionId);
    const outcome = this.outcomes.get(transactionId);
    if (!outcome) throw transferNotFound(transactionId);
    return { ...outcome, replayed: true };
  }

  async read(accountIds: readonly string[]): Promise<(AccountView | Problem)[]> {
    const failure = this.failures.get('read');
    if (failure instanceof Problem) return accountIds.map(() => failure);
    return accountIds.map((id) => this.accounts.get(id) ?? noAccount(id));
  }

  /** If set, every use of a feature fails with this problem. */
  inactive: Problem | null = null;
  requireFeature(): void {
    if (this.inactive) throw this.inactive;
  }

  windows: BusinessWindows | null = null;
  async businessWindows(): Promise<BusinessWindows | null> {
    return this.windows;
  }

  async changeAccount(change: AccountChange): Promise<AccountView> {
    this.#failFor('changeAccount');
    this.changes.push(change);
    const account = this.accounts.get(change.accountId);
    if (!account) throw noAccount(change.accountId);
    if (change.expectedSettingsVersion !== undefined && change.expectedSettingsVersion !== account.settingsVersion) {
      throw new Problem('settings_version_mismatch', `The settings have version ${account.settingsVersion}.`);
    }
    if (change.status === 'CLOSED' && account.balance !== 0) throw new Problem('account_not_empty', 'Not at zero.');
    account.status = change.status ?? account.status;
    account.overdraftLimit = change.overdraftLimit ?? account.overdraftLimit;
    if (change.limits) account.limits = changedLimits(account.limits, change.limits, account.asOf);
    account.settingsVersion++;
    return account;
  }

  async openAccounts(accounts: readonly NewAccount[], _openedBy: string): Promise<(AccountOpening | Problem)[]> {
    this.#failFor('openAccounts');
    return accounts.map((account) => this.#openOne(account));
  }

  async accountDetails(accountId: string): Promise<AccountDetails> {
    this.#failFor('accountDetails');
    const details = this.details.get(accountId);
    if (!details) throw noAccount(accountId);
    return details;
  }

  async page(query: HistoryQuery): Promise<HistoryPage> {
    await this.accountDetails(query.accountId);
    const { accountId, position, toward, limit, from = 0, to = Number.MAX_SAFE_INTEGER, holds = true } = query;
    const { kinds, direction, amountMin = 0, amountMax = Number.MAX_SAFE_INTEGER } = query.filter ?? {};
    const isNewer = toward === 'newer';
    const start = position ?? (isNewer ? 0 : Number.MAX_SAFE_INTEGER);
    const found = this.postingList
      .filter((item) => item.accountId === accountId && (isNewer ? item.version > start : item.version <= start))
      .filter(({ acceptedAt }) => acceptedAt >= from && acceptedAt < to)
      .filter((item) => holds || !('heldChange' in item))
      .filter(({ kind }) => kinds?.includes(kind) ?? true)
      .filter((item) => !direction || ('amount' in item && item.amount < 0 === (direction === 'debit')))
      .filter((item) => {
        const amount = 'amount' in item ? Math.abs(item.amount) : 0;
        return amount >= amountMin && amount <= amountMax;
      });
    if (!isNewer) found.reverse();
    const items = found.slice(0, limit);
    const last = items.at(-1);
    const next = last && found.length > limit ? last.version - (isNewer ? 0 : 1) : null;
    return { items, next };
  }

  async at(accountId: string, at: number): Promise<HistoryItem | null> {
    const before = this.postingList.filter((posting) => posting.accountId === accountId && posting.acceptedAt <= at);
    return before.at(-1) ?? null;
  }

  async period(accountId: string, from: number, to: number): Promise<Period> {
    const all = this.postingList.filter((item) => item.accountId === accountId);
    const [before, until] = [from, to].map((time) => all.filter(({ acceptedAt }) => acceptedAt < time).at(-1));
    return {
      after: before?.version ?? 0,
      until: until?.version ?? 0,
      openingBalance: before?.balanceAfter ?? 0,
      closingBalance: until?.balanceAfter ?? 0,
      last: all.at(-1)?.version ?? 0,
    };
  }

  async names(accountIds: readonly string[]): Promise<Map<string, string>> {
    return new Map(
      accountIds.flatMap((id) => {
        const name = this.details.get(id)?.name;
        return name ? [[id, name] as const] : [];
      }),
    );
  }

  #failFor(method: keyof Ledger | keyof Books): void {
    const failure = this.failures.get(method);
    if (failure) throw failure;
  }

  #openOne(account: NewAccount): AccountOpening | Problem {
    const before = this.details.get(account.accountId);
    if (!before) {
      const { name, limits, ...view } = account;
      const counted = limits && changedLimits(null, limits, this.#clock.now());
      this.open(account.accountId, { ...view, limits: counted, ...(name !== null && { name }) });
      this.details.set(account.accountId, { ...account, openedAt: this.#clock.now() });
      return { account: { ...account, openedAt: this.#clock.now() }, created: true };
    }
    const { openedAt: _openedAt, ...content } = before;
    if (JSON.stringify(content) === JSON.stringify(account)) return { account: before, created: false };
    return new Problem('account_id_reused', `${account.accountId} was opened with other content.`);
  }

  #applyOne(order: TransferOrder, durability: Durability): Outcome | Problem {
    const before = this.outcomes.get(order.transactionId);
    if (before) {
      const same = before.order.amount === order.amount && before.order.source === order.source;
      return same ? { ...before, replayed: true } : new Problem('transaction_id_reused', 'Other content.');
    }
    const source = this.accounts.get(order.source);
    const destination = this.accounts.get(order.destination);
    if (!source) return noAccount(order.source);
    if (!destination) return noAccount(order.destination);
    const common = {
      order,
      acceptedAt: this.#clock.now(),
      takenAt: this.#clock.now(),
      epoch: 1,
      seq: this.outcomes.size + 1,
      replayed: false,
      persisted: durability === 'persisted',
    };
    const refusal = refusalOf(order, source, destination);
    const outcome: Outcome = refusal
      ? { ...common, status: 'REJECTED', refusal }
      : {
          ...common,
          status: 'POSTED',
          source: move(source, -order.amount),
          destination: move(destination, order.amount),
        };
    this.outcomes.set(order.transactionId, outcome);
    return outcome;
  }
}

function refusalOf(order: TransferOrder, source: AccountView, destination: AccountView): Refusal | null {
  if (source.currency !== order.currency || destination.currency !== order.currency) return 'currency_mismatch';
  for (const { status } of [source, destination]) {
    if (status === 'FROZEN') return 'account_frozen';
    if (status === 'CLOSED') return 'account_closed';
  }
  if (source.status === 'SUSPENDED') return 'account_suspended';
  if (destination.balance + order.amount > Number.MAX_SAFE_INTEGER) return 'balance_out_of_range';
  if (!source.external && source.balance + source.overdraftLimit < order.amount) return 'insufficient_funds';
  return null;
}

function move(account: AccountView, amount: number) {
  account.balance += amount;
  account.version++;
  return { balance: account.balance, version: account.version, settingsVersion: account.settingsVersion };
}

function noAccount(accountId: string): Problem {
  return new Problem('account_not_found', `There is no account ${accountId}.`);
}
