import { isInnerAccount, legIdOf } from '../../domain/crossing.ts';
import type { LegVerdict } from '../../domain/leg-types.ts';
import { Problem } from '../../domain/problem.ts';
import { accountOf } from '../../domain/testing/orders.ts';
import type {
  Account,
  AccountView,
  Durability,
  NewAccount,
  Outcome,
  Posted,
  TransferOrder,
} from '../../domain/types.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { CrossingClosing, CrossingStore } from '../../ledger/ports/crossings.ts';
import type { PostedSides, RefusedOrder } from '../../ledger/ports/ledger.ts';
import { refusalIn, sameClientContent } from './model-rules.ts';

/** The contents of a store (Redis or MySQL). */
interface Contents {
  accounts: Map<string, Account>;
  outcomes: Map<string, Outcome>;
}

interface Row {
  toShard: number;
  openedAt: number;
  order: TransferOrder;
  closing: CrossingClosing | null;
}

/** The content of a backup of MySQL. */
export interface Backup extends Contents {
  rows: ReadonlyMap<string, Row>;
}
const copyOf = (rows: ReadonlyMap<string, Row>): Map<string, Row> =>
  new Map([...rows].map(([id, row]) => [id, { ...row }]));

/** The fate of a call, which a test decides. */
export type Fate = 'ok' | 'never-sent' | 'reply-lost';

const TIME_OUT_MS = 10_000;
const POLL_MS = 50;

/**
 * A minimal ledger that models the contents of Redis, the part of them that MySQL has, and the loss of the rest. It
 * decides with the real rules, and every call takes time.
 */
export class ModelShard {
  readonly #clock: Clock;
  cache: Contents = { accounts: new Map(), outcomes: new Map() };
  mysql: Contents = { accounts: new Map(), outcomes: new Map() };
  readonly rows = new Map<string, Row>();
  /** The outcomes that Redis has and MySQL does not, in order. */
  #journal: Outcome[] = [];
  #seq = 0;
  #generation = 0;
  epoch = 1;
  state: 'open' | 'moving' | 'closed' = 'open';
  isDatabaseAway = false;
  losses = 0;
  fate: () => Fate = () => 'ok';
  delayMs: () => number = () => 1;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  open(accountId: string, fields: Partial<Account> = {}): void {
    for (const { accounts } of [this.cache, this.mysql]) accounts.set(accountId, accountOf(accountId, fields));
  }

  /** Settings are never lost in this model. */
  change(accountId: string, fields: Partial<Pick<Account, 'status'>>): void {
    for (const { accounts } of [this.cache, this.mysql]) {
      const account = accounts.get(accountId);
      if (account) accounts.set(accountId, { ...account, ...fields });
    }
  }

  /** Writes the first entries of the journal to MySQL. */
  flush(entriesMax = Number.POSITIVE_INFINITY): void {
    if (this.isDatabaseAway) return;
    for (const outcome of this.#journal.splice(0, entriesMax)) this.#persist(outcome);
  }

  /** An operator accepts the loss of everything that MySQL does not have. */
  acceptLoss(): void {
    if (this.#journal.length > 0) this.losses += 1;
    this.#journal = [];
    this.epoch += 1;
    this.cache = { accounts: new Map(this.mysql.accounts), outcomes: new Map(this.mysql.outcomes) };
  }

  /** Retires all pods: calls that they have already sent no longer arrive. */
  retireAll(): void {
    this.#generation += 1;
  }

  backup(): Backup {
    return { accounts: new Map(this.mysql.accounts), outcomes: new Map(this.mysql.outcomes), rows: copyOf(this.rows) };
  }

  /** MySQL is restored from a backup, and the shard begins a new epoch with it. */
  restore({ accounts, outcomes, rows }: Backup): void {
    this.mysql = { accounts: new Map(accounts), outcomes: new Map(outcomes) };
    this.rows.clear();
    for (const [id, row] of copyOf(rows)) this.rows.set(id, row);
    this.#journal = [];
    this.epoch += 1;
    this.cache = { accounts: new Map(accounts), outcomes: new Map(outcomes) };
  }

  /** The shard decides without a journal: an outcome is in MySQL at once. */
  decide(order: TransferOrder): Outcome | Problem {
    const answer = this.#decide(order);
    this.flush();
    return answer instanceof Problem ? answer : { ...answer, persisted: true };
  }

  refuse(order: TransferOrder, because: LegVerdict): void {
    if (this.mysql.outcomes.has(order.transactionId)) return;
    const common = { acceptedAt: this.#clock.now(), takenAt: null, epoch: this.epoch, seq: 0, replayed: false };
    const refused: Outcome = { ...common, order, status: 'REJECTED', ...because, persisted: true };
    for (const { outcomes } of [this.cache, this.mysql]) outcomes.set(order.transactionId, refused);
  }

  #persist(outcome: Outcome): void {
    const { order } = outcome;
    this.mysql.outcomes.set(order.transactionId, { ...outcome, persisted: true });
    if (outcome.status === 'REJECTED') return;
    for (const [accountId, side] of [
      [order.source, outcome.source],
      [order.destination, outcome.destination],
    ] as const) {
      const account = this.mysql.accounts.get(accountId);
      if (account) this.mysql.accounts.set(accountId, { ...account, ...side });
    }
    if (order.leg?.name === 'out') {
      const row = { toShard: order.leg.otherShard, openedAt: this.#clock.now(), order, closing: null };
      this.rows.set(order.transactionId, row);
    }
  }

  async apply(orders: readonly TransferOrder[], durability: Durability): Promise<(Outcome | Problem)[]> {
    return Promise.all(orders.map((order) => this.#applyOne(order, durability)));
  }

  async #applyOne(order: TransferOrder, durability: Durability): Promise<Outcome | Problem> {
    const deadline = this.#clock.monotonic() + TIME_OUT_MS;
    const generation = this.#generation;
    await this.#clock.sleep(this.delayMs());
    while (this.state === 'moving' && this.#clock.monotonic() < deadline) await this.#clock.sleep(POLL_MS);
    if (this.state !== 'open') return new Problem('ledger_closed', 'closed');
    if (this.#generation !== generation) return new Problem('ledger_switching', 'the pod was retired');
    const fate = this.fate();
    if (fate === 'never-sent') return new Problem('ledger_switching', 'never sent');
    const { epoch } = this;
    const answer = this.#decide(order);
    await this.#clock.sleep(this.delayMs());
    if (fate === 'reply-lost' || this.epoch !== epoch) return new Problem('outcome_unknown', 'the reply is lost');
    if (answer instanceof Problem || durability === 'cache') return answer;
    return this.#untilPersisted(answer, deadline);
  }

  async #untilPersisted(answer: Outcome, deadline: number): Promise<Outcome | Problem> {
    const { transactionId } = answer.order;
    while (this.#clock.monotonic() < deadline) {
      const stored = this.mysql.outcomes.get(transactionId);
      if (stored && sameClientContent(stored.order, answer.order)) return { ...stored, replayed: answer.replayed };
      if (stored) return new Problem('transaction_id_reused', 'lost, and its id belongs to another transfer');
      await this.#clock.sleep(POLL_MS);
    }
    return new Problem('outcome_unknown', 'not persisted in time');
  }

  #decide(order: TransferOrder): Outcome | Problem {
    const existing = this.cache.outcomes.get(order.transactionId);
    if (existing) {
      if (!sameClientContent(existing.order, order)) return new Problem('transaction_id_reused', 'other content');
      const persisted = this.mysql.outcomes.has(order.transactionId);
      return { ...existing, replayed: true, persisted };
    }
    const sides = this.#sidesOf(order);
    if (sides instanceof Problem) return sides;
    const [source, destination] = sides;
    this.#seq += 1;
    const common = {
      order,
      acceptedAt: this.#clock.now(),
      takenAt: this.#clock.now(),
      epoch: this.epoch,
      seq: this.#seq,
      replayed: false,
      persisted: false,
    };
    const refusal = refusalIn(order, source, destination);
    const outcome: Outcome = refusal
      ? { ...common, status: 'REJECTED', refusal }
      : {
          ...common,
          status: 'POSTED',
          source: this.#move(source, -order.amount),
          destination: this.#move(destination, order.amount),
        };
    this.cache.outcomes.set(order.transactionId, outcome);
    this.#journal.push(outcome);
    return outcome;
  }

  #sidesOf(order: TransferOrder): [Account, Account] | Problem {
    const found = [order.source, order.destination].map((id) => this.cache.accounts.get(id) ?? id);
    for (const side of found) {
      if (typeof side !== 'string') continue;
      if (isInnerAccount(side)) return new Problem('transit_unavailable', `${side} is missing`);
      return new Problem('account_not_found', `${side} does not exist`);
    }
    return found as [Account, Account];
  }

  #move(account: Account, by: number): Posted['source'] {
    const { accountId, balance, version, settingsVersion } = account;
    const side = { balance: balance + by, version: version + 1, settingsVersion };
    this.cache.accounts.set(accountId, { ...account, ...side });
    return side;
  }

  async preview(orders: readonly TransferOrder[]): Promise<PostedSides | RefusedOrder> {
    await this.#clock.sleep(this.delayMs());
    if (this.state === 'moving') throw new Problem('ledger_switching', 'moving');
    if (this.state === 'closed') throw new Problem('ledger_closed', 'closed');
    const [order] = orders;
    if (!order) throw new TypeError('nothing to preview');
    const sides = this.#sidesOf(order);
    if (sides instanceof Problem) throw sides;
    const [source, destination] = sides;
    const refusal = refusalIn(order, source, destination);
    if (refusal) return { index: 0, refusal };
    const side = ({ balance, version, settingsVersion }: Account, by: number) => ({
      balance: balance + by,
      version: version + 1,
      settingsVersion,
    });
    return { sides: [{ source: side(source, -order.amount), destination: side(destination, order.amount) }] };
  }

  async outcome(transactionId: string): Promise<Outcome> {
    await this.#clock.sleep(this.delayMs());
    if (this.state !== 'open') throw new Problem('ledger_switching', 'absence cannot be determined');
    const found = this.cache.outcomes.get(transactionId);
    if (!found) throw new Problem('transfer_not_found', `${transactionId} does not exist`);
    return { ...found, replayed: true, persisted: this.mysql.outcomes.has(transactionId) };
  }

  async read(accountIds: readonly string[]): Promise<(AccountView | Problem)[]> {
    return accountIds.map((id) => {
      const account = this.cache.accounts.get(id);
      if (!account) return new Problem('account_not_found', `${id} does not exist`);
      return { ...account, source: 'cache', asOf: this.#clock.now(), stale: false };
    });
  }

  async openAccounts(accounts: readonly NewAccount[]) {
    await this.#clock.sleep(this.delayMs());
    this.#requireDatabase();
    return accounts.map(({ name: _, ...account }) => {
      const created = !this.cache.accounts.has(account.accountId);
      if (created) this.open(account.accountId, { ...account, limits: null });
      return { account: { ...account, name: null, openedAt: 0 }, created };
    });
  }

  async findOutcomes(transactionIds: readonly string[]) {
    await this.#clock.sleep(this.delayMs());
    this.#requireDatabase();
    const found = transactionIds.flatMap((id) => {
      const outcome = this.mysql.outcomes.get(id);
      return outcome ? [[id, { ...outcome, replayed: true }] as const] : [];
    });
    return {
      stamp: { epoch: this.epoch, cursor: 0 },
      authority: { epoch: this.epoch, mode: 'CACHE' as const, recovered: true },
      outcomes: new Map(found),
      unsettled: new Set<string>(),
    };
  }

  readonly crossings: CrossingStore = {
    open: async ({ toShard, minAgeMs, after, limit }) => {
      this.#requireDatabase();
      const now = this.#clock.now();
      return [...this.rows]
        .filter(([, row]) => row.closing === null && row.toShard === toShard && now - row.openedAt >= minAgeMs)
        .map(([transactionId, { openedAt, order }]) => ({
          transactionId,
          toShard,
          currency: order.currency,
          amount: order.amount,
          openedAt,
          ageMs: now - openedAt,
        }))
        .sort((a, b) => a.openedAt - b.openedAt || (a.transactionId < b.transactionId ? -1 : 1))
        .filter(
          (row) =>
            !after ||
            row.openedAt > after.openedAt ||
            (row.openedAt === after.openedAt && row.transactionId > after.transactionId),
        )
        .slice(0, limit);
    },
    closed: async (ids) => {
      this.#requireDatabase();
      return ids.flatMap((id) => this.rows.get(id)?.closing ?? []);
    },
    close: async (closings) => {
      this.#requireDatabase();
      for (const closing of closings) {
        const row = this.rows.get(closing.transactionId);
        if (row) row.closing ??= closing;
      }
    },
    takeTurn: async () => true,
    summary: async () => {
      this.#requireDatabase();
      const open = [...this.rows.values()].filter(({ closing }) => closing === null);
      return [...new Set(open.map(({ toShard }) => toShard))].map((toShard) => ({
        toShard,
        open: open.filter((row) => row.toShard === toShard).length,
        oldestAgeMs: 0,
      }));
    },
  };

  #requireDatabase(): void {
    if (this.isDatabaseAway) throw new Problem('database_unavailable', 'MySQL is unavailable');
  }
}

/** The posted legs of a transfer in a store. */
export function postedLegs(contents: Contents, transactionId: string, from: number) {
  const isPosted = (leg: 'out' | 'in' | 'back' | 'returns') =>
    contents.outcomes.get(legIdOf(transactionId, leg, from))?.status === 'POSTED';
  return { out: isPosted('out'), in: isPosted('in'), back: isPosted('back'), returns: isPosted('returns') };
}
