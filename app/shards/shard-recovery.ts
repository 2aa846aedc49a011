import {
  clientOrderOf,
  inOrder,
  type LegOrder,
  legIdOf,
  lossAccount,
  lostOutOrder,
  transactionIdOf,
  transitAccount,
} from '../domain/crossing.ts';
import type { LegName, LegVerdict } from '../domain/leg-types.ts';
import { Problem } from '../domain/problem.ts';
import type { NewAccount, Outcome, Posted } from '../domain/types.ts';
import type { CrossingClosing } from '../ledger/ports/crossings.ts';
import type { CrossingRow, RestoredShard, SurvivingShard } from '../ledger/ports/restored-shard.ts';
import { closingOf } from './crossing-closing.ts';
import { isTransitUnavailable, legStateOf } from './legs.ts';
import { planOfArrival, planOfRow, type RowPlan } from './lost-legs.ts';

const PAGE = 1_000;
/** Number of legs in one transaction. They share their accounts, which the transaction keeps locked. */
const LEGS_MAX = 100;
const STRIPES_MAX = 1_024;
const LISTED_MAX = 20;
/** Stands for the reason of a lost refusal that the row of the transfer does not show either. */
const UNKNOWN_REASON: LegVerdict = { refusal: 'account_frozen' };

export interface RecoveryReport {
  /** Numbers of compared transfers toward the shard, and of compared legs in other shards that came from it. */
  crossings: number;
  arrivals: number;
  reopened: number;
  accountsOpened: number;
  refusalsRestored: number;
  /** Transfers that the account of losses has paid, and their sum by currency, in minor units. */
  paid: number;
  loss: Record<string, string>;
  refused: number;
  contradictions: number;
  /** The first contradictions. */
  listed: string[];
}

interface RecoveryDependencies {
  number: number;
  restored: RestoredShard;
  /** The other shards by number; some of them may have been restored, too. */
  others: ReadonlyMap<number, SurvivingShard>;
  /** Whether the recovery only counts what it would change. */
  isDryRun: boolean;
  /** Called after each page. It may throw, to stop the recovery. */
  onPage(report: Readonly<RecoveryReport>): Promise<void>;
  page?: number;
}

/**
 * Makes a shard whose database was restored from a backup agree with the others again. No process of the ledger may be
 * running, and no entry may exist only in a journal. Every step has the same effect if it is repeated, and none depends
 * on stored progress, so an interrupted recovery is run again from the beginning.
 */
export class ShardRecovery {
  readonly #deps: RecoveryDependencies;
  readonly #opened = new Set<string>();
  /** The transit account that is in use, by currency. */
  readonly #stripes = new Map<string, number>();
  readonly #report: RecoveryReport = {
    ...{ crossings: 0, arrivals: 0, reopened: 0, accountsOpened: 0, refusalsRestored: 0, paid: 0, loss: {} },
    ...{ refused: 0, contradictions: 0, listed: [] },
  };

  constructor(deps: RecoveryDependencies) {
    this.#deps = deps;
  }

  /** @throws Problem database_unavailable, Error if a leg cannot be written */
  async run(): Promise<RecoveryReport> {
    for (const [number, other] of this.#deps.others) {
      await this.#eachPage(
        (after, limit) => other.crossingsToward(this.#deps.number, after, limit),
        ({ transactionId }) => transactionId,
        (rows) => this.#mendRows(number, other, rows),
      );
      await this.#eachPage(
        (after, limit) => other.arrivalsFrom(this.#deps.number, after, limit),
        ({ order }) => order.transactionId,
        (arrivals) => this.#mendArrivals(number, arrivals),
      );
    }
    return this.#report;
  }

  async #eachPage<L>(
    read: (after: string, limit: number) => Promise<L[]>,
    idOf: (line: L) => string,
    mend: (lines: readonly L[]) => Promise<void>,
  ): Promise<void> {
    const { page = PAGE, onPage } = this.#deps;
    let after = '';
    for (;;) {
      const lines = await read(after, page);
      const last = lines.at(-1);
      if (last === undefined) return;
      await mend(lines);
      await onPage(this.#report);
      after = idOf(last);
    }
  }

  async #mendRows(from: number, other: SurvivingShard, rows: readonly CrossingRow[]): Promise<void> {
    const { restored, isDryRun } = this.#deps;
    this.#report.crossings += rows.length;
    const idOf = ({ transactionId }: CrossingRow, leg: LegName) => legIdOf(transactionId, leg, from);
    const there = await restored.outcomes(rows.map((row) => idOf(row, 'in')));
    // This excludes nearly all rows: the transfer has arrived, and its leg `in` was not lost.
    const doubtful = rows.filter((row) => !(row.state === 'DONE' && there.get(idOf(row, 'in'))?.status === 'POSTED'));
    const here = await other.outcomes(
      doubtful.flatMap((row) => (['out', 'back', 'returns'] as const).map((leg) => idOf(row, leg))),
    );
    const stateOf = (leg: Outcome | undefined) => legStateOf(leg ?? null);
    const mending: Mending[] = [];
    for (const row of doubtful) {
      const out = here.get(idOf(row, 'out'));
      const plan = planOfRow(row.state, {
        out: stateOf(out),
        in: stateOf(there.get(idOf(row, 'in'))),
        back: stateOf(here.get(idOf(row, 'back'))),
        returns: stateOf(here.get(idOf(row, 'returns'))),
      });
      if (plan.contradiction) this.#contradicts(`${row.transactionId} from shard ${from} ${plan.contradiction}`);
      else if (out?.status === 'POSTED') mending.push({ row, plan, out });
    }
    const toReopen = mending.filter(({ plan }) => plan.reopens).map(({ row }) => row.transactionId);
    await this.#openDestinations(mending.filter(({ plan }) => plan.awaitsDelivery));
    await this.#restoreRefusals(
      from,
      mending.filter(({ plan }) => plan.lacksRefusal),
    );
    // This is the last step, because couriers deliver a transfer as soon as its row is open.
    if (!isDryRun && toReopen.length > 0) await other.reopen(toReopen);
    this.#report.reopened += toReopen.length;
  }

  async #openDestinations(awaiting: readonly Mending[]): Promise<void> {
    const wanted = new Map(awaiting.map(({ row }) => [row.destination, row.currency]));
    const existing = await this.#deps.restored.accounts([...wanted.keys()]);
    const missing = [...wanted].filter(([accountId]) => !existing.has(accountId));
    await this.#open(missing.map(([accountId, currency]) => newAccount(accountId, currency, false)));
    this.#report.accountsOpened += missing.length;
  }

  async #restoreRefusals(from: number, lacking: readonly Mending[]): Promise<void> {
    const { restored, isDryRun } = this.#deps;
    this.#report.refusalsRestored += lacking.length;
    if (isDryRun || lacking.length === 0) return;
    const destinations = await restored.accounts(lacking.map(({ row }) => row.destination));
    await this.#open(lacking.map(({ row }) => newAccount(transitAccount(row.currency, 0), row.currency, true)));
    await restored.writeRefusals(
      lacking.map(({ row, out }) => {
        const transit = transitAccount(row.currency, 0);
        const order = inOrder(out.order, { transit, fromShard: from });
        // A refused leg moves nothing. If the destination does not exist, the row of the leg names the transit account
        // on both sides.
        const destination = destinations.has(row.destination) ? row.destination : transit;
        return { order: { ...order, destination }, because: row.because ?? UNKNOWN_REASON };
      }),
    );
  }

  async #mendArrivals(to: number, arrivals: readonly Outcome[]): Promise<void> {
    this.#report.arrivals += arrivals.length;
    const idOf = ({ order }: Outcome) => transactionIdOf(order.transactionId);
    const outs = await this.#deps.restored.outcomes(arrivals.map(idOf));
    const lost: Outcome[] = [];
    for (const into of arrivals) {
      const plan = planOfArrival(into, outs.get(idOf(into)) ?? null);
      if (plan === 'contradiction')
        this.#contradicts(`${idOf(into)} arrived in shard ${to}, but never left its source`);
      else if (plan !== 'keep') lost.push(into);
    }
    for (const [currency, own] of grouped(lost)) {
      for (let first = 0; first < own.length; first += LEGS_MAX)
        await this.#writeOuts(to, currency, own.slice(first, first + LEGS_MAX));
    }
  }

  async #writeOuts(to: number, currency: string, arrivals: readonly Outcome[]): Promise<void> {
    const { restored, isDryRun } = this.#deps;
    const paid = arrivals.filter(({ status }) => status === 'POSTED');
    const sum = paid.reduce((total, { order }) => total + BigInt(order.amount), 0n);
    if (!isDryRun) {
      await this.#requireRoom(currency, sum);
      await this.#applyAll(to, currency, arrivals);
      await restored.close(paid.flatMap(doneBy));
    }
    this.#report.paid += paid.length;
    this.#report.refused += arrivals.length - paid.length;
    if (paid.length > 0) this.#report.loss[currency] = String(BigInt(this.#report.loss[currency] ?? 0) + sum);
  }

  /** The account of losses must be able to pay everything, because a refusal would be permanent. */
  async #requireRoom(currency: string, sum: bigint): Promise<void> {
    const accountId = lossAccount(currency);
    await this.#open([newAccount(accountId, currency, true)]);
    const account = (await this.#deps.restored.accounts([accountId])).get(accountId);
    if (!account || BigInt(account.balance) - sum < -BigInt(Number.MAX_SAFE_INTEGER))
      throw new Error(`${accountId} cannot pay ${sum} minor units`);
  }

  async #applyAll(to: number, currency: string, arrivals: readonly Outcome[]): Promise<void> {
    let left = arrivals;
    for (let stripe = this.#stripes.get(currency) ?? 0; left.length > 0; stripe++) {
      if (stripe >= STRIPES_MAX) throw new Error(`no transit account in ${currency} has room`);
      this.#stripes.set(currency, stripe);
      const transit = transitAccount(currency, stripe);
      await this.#open([newAccount(transit, currency, true)]);
      const answers = await this.#deps.restored.apply(left.map((into) => lostOutOf(into, to, transit)));
      left = left.filter((into, index) => {
        const answer = answers[index];
        if (isTransitUnavailable(answer)) return true;
        if (answer instanceof Problem) throw answer;
        if (answer?.status !== into.status)
          throw new Error(`${into.order.transactionId} is ${into.status}, but its leg out is ${answer?.status}`);
        return false;
      });
    }
  }

  async #open(accounts: readonly NewAccount[]): Promise<void> {
    const missing = accounts.filter(({ accountId }) => !this.#opened.has(accountId));
    if (this.#deps.isDryRun || missing.length === 0) return;
    await this.#deps.restored.open(missing);
    // Only inner accounts are remembered: they are used repeatedly, and there are few of them.
    for (const { accountId, external } of missing) if (external) this.#opened.add(accountId);
  }

  #contradicts(what: string): void {
    this.#report.contradictions += 1;
    if (this.#report.listed.length < LISTED_MAX) this.#report.listed.push(what);
  }
}

interface Mending {
  row: CrossingRow;
  plan: RowPlan;
  out: Posted;
}

const newAccount = (accountId: string, currency: string, external: boolean): NewAccount => ({
  ...{ accountId, currency, external, overdraftLimit: 0, name: null, limits: null },
});

/** The lost `out` of a leg `in`, with the same content and, if `in` was refused, the same refusal. */
function lostOutOf(into: Outcome, to: number, transit: string): LegOrder {
  const refusal = into.status === 'POSTED' ? null : verdictOf(into);
  return lostOutOrder(clientOrderOf(into.order), { transit, toShard: to, refusal });
}

const verdictOf = ({ refusal, limit }: Outcome & { status: 'REJECTED' }): LegVerdict => ({
  refusal,
  ...(limit && { limit }),
});

function doneBy(into: Outcome): CrossingClosing[] {
  const closing = closingOf(transactionIdOf(into.order.transactionId), 'done', into);
  return closing ? [closing] : [];
}

function grouped(outcomes: readonly Outcome[]): Map<string, Outcome[]> {
  const byCurrency = new Map<string, Outcome[]>();
  for (const outcome of outcomes) {
    const { currency } = outcome.order;
    const group = byCurrency.get(currency);
    if (group) group.push(outcome);
    else byCurrency.set(currency, [outcome]);
  }
  return byCurrency;
}
