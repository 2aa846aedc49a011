import { firstVerdict, inOrder, outOrder } from '../domain/crossing.ts';
import type { Feature } from '../domain/features.ts';
import { accountsOfGroup, type GroupOrder, type GroupOutcome } from '../domain/group.ts';
import { Problem } from '../domain/problem.ts';
import type { AccountChange, AccountView, Durability, Outcome, TransferOrder } from '../domain/types.ts';
import {
  type Ledger,
  type LookUpBy,
  type PostedSides,
  type RefusedOrder,
  type WindowsAt,
  windowsIn,
} from '../ledger/ports/ledger.ts';
import type { LedgerEvents } from '../ledger/ports/ledger-events.ts';
import type { CrossingReader } from './crossing-reader.ts';
import type { CrossingWalk } from './crossing-walk.ts';
import type { Crossing } from './legs.ts';
import type { Shard, ShardMap } from './shard.ts';
import type { ShardSearch } from './shard-search.ts';
import type { TransitAccounts } from './transit-accounts.ts';

interface ShardedLedgerDependencies {
  shards: ShardMap<Pick<Shard, 'ledger' | 'books'>>;
  walk: CrossingWalk;
  reader: CrossingReader;
  search: ShardSearch<Pick<Shard, 'ledger'>>;
  transits: TransitAccounts;
  events: Pick<LedgerEvents, 'answered'>;
}

/**
 * Presents several ledgers as one: each request goes to the shard of its account, and a transfer between two shards is a
 * crossing. A transaction id belongs to the shard of its source account.
 */
export class ShardedLedger implements Ledger {
  readonly #deps: ShardedLedgerDependencies;

  constructor(deps: ShardedLedgerDependencies) {
    this.#deps = deps;
  }

  async apply(orders: readonly TransferOrder[], durability: Durability): Promise<(Outcome | Problem)[]> {
    const { shards } = this.#deps;
    const answers = new Array<Outcome | Problem>(orders.length);
    const inside: number[] = [];
    const crossing = orders.flatMap((order, index) => {
      const between = this.#crossingOf(order);
      if (between) return [this.#cross(between, durability).then((answer) => (answers[index] = answer))];
      inside.push(index);
      return [];
    });
    const orderAt = (index: number) => orders[index] as TransferOrder;
    const applied = shards.inEach(
      inside,
      (index) => orderAt(index).source,
      ({ ledger }, indexes) => ledger.apply(indexes.map(orderAt), durability),
    );
    for (const [at, answer] of (await applied).entries()) answers[inside[at] as number] = answer;
    await Promise.all(crossing);
    return answers;
  }

  async #cross(crossing: Crossing, durability: Durability): Promise<Outcome | Problem> {
    const answer = (await this.#whyNotReversible(crossing)) ?? (await this.#deps.walk.cross(crossing, durability));
    this.#deps.events.answered(crossing.order, answer);
    return answer;
  }

  /** A crossing is reversed only when MySQL has all its legs. A reversal has the accounts of its original, swapped. */
  async #whyNotReversible({ order, from }: Crossing): Promise<Problem | null> {
    const { kind, reverses } = order;
    if (kind !== 'reversal' || reverses === null) return null;
    try {
      const original = await this.outcome(reverses, { account: order.destination });
      if (original.persisted) return null;
      return new Problem('transfer_pending', `MySQL of shard ${from} does not have transfer ${reverses} yet`);
    } catch (error) {
      if (error instanceof Problem) return error;
      throw error;
    }
  }

  #crossingOf(order: TransferOrder): Crossing | null {
    const { shards } = this.#deps;
    const [from, to] = [shards.numberOf(order.source), shards.numberOf(order.destination)];
    return from === to ? null : { order, from, to };
  }

  async applyGroup(group: GroupOrder, durability: Durability): Promise<GroupOutcome | Problem> {
    const shard = this.#deps.shards.ofAll(accountsOfGroup(group));
    return shard ? shard.ledger.applyGroup(group, durability) : spansShards(group.groupId);
  }

  async preview(
    orders: readonly TransferOrder[],
    what: 'transfers' | 'group',
    windows: WindowsAt,
  ): Promise<PostedSides | RefusedOrder> {
    const accounts = orders.flatMap(({ source, destination }) => [source, destination]);
    const shard = this.#deps.shards.ofAll(accounts);
    if (shard) return shard.ledger.preview(orders, what, windows);
    const [order, ...more] = orders;
    const crossing = order && this.#crossingOf(order);
    if (what === 'group' || more.length > 0 || !crossing) throw spansShards(order?.groupId);
    return this.#previewCrossing(crossing);
  }

  /** Previews both ends in their shards. The two previews are from different moments, so together they guarantee nothing. */
  async #previewCrossing({ order, from, to }: Crossing): Promise<PostedSides | RefusedOrder> {
    const { shards, transits } = this.#deps;
    const [there, here] = await Promise.all([transits.pick(to, order.currency), transits.pick(from, order.currency)]);
    const end = (shard: number, leg: TransferOrder) => {
      const { ledger, books } = shards.at(shard);
      return ledger.preview([leg], 'transfers', windowsIn(books));
    };
    const [source, destination] = await Promise.all([
      end(from, outOrder(order, { transit: here, toShard: to, refusal: null })),
      end(to, inOrder(order, { transit: there, fromShard: from })),
    ]);
    const verdictIn = (seen: PostedSides | RefusedOrder) => ('sides' in seen ? null : seen);
    const verdict = firstVerdict(verdictIn(source), verdictIn(destination));
    if (verdict) return { index: 0, refusal: verdict.refusal, ...(verdict.limit && { limit: verdict.limit }) };
    const [out, into] = [source, destination].map((seen) => ('sides' in seen ? seen.sides[0] : undefined));
    if (!out || !into) throw new TypeError('the preview of a leg has no result');
    return { sides: [{ source: out.source, destination: into.destination }] };
  }

  async outcome(transactionId: string, by: LookUpBy = {}): Promise<Outcome> {
    const { reader, search } = this.#deps;
    const find = async ({ ledger, number }: { ledger: Ledger; number: number }, held?: boolean) =>
      reader.outcomeOf(await ledger.outcome(transactionId, { held }), number, { held });
    return search.find(by, find, {
      absent: 'transfer_not_found',
      ambiguous: () =>
        new Problem(
          'transaction_id_ambiguous',
          `several shards have a transfer with the id ${transactionId}: add sourceAccount to the query`,
          { transactionId },
        ),
    });
  }

  groupOutcome(groupId: string, by: LookUpBy = {}): Promise<GroupOutcome> {
    const detail = `several shards have a group with the id ${groupId}: add one of its accounts to the query`;
    return this.#deps.search.find(by, ({ ledger }, held) => ledger.groupOutcome(groupId, { held }), {
      absent: 'group_not_found',
      ambiguous: () => new Problem('group_id_ambiguous', detail, { groupId }),
    });
  }

  read(accountIds: readonly string[]): Promise<(AccountView | Problem)[]> {
    const self = (accountId: string) => accountId;
    return this.#deps.shards.inEach(accountIds, self, ({ ledger }, ids) => ledger.read(ids));
  }

  requireFeature(feature: Feature, accountId: string): void {
    this.#deps.shards.of(accountId).ledger.requireFeature(feature, accountId);
  }

  changeAccount(change: AccountChange): Promise<AccountView> {
    return this.#deps.shards.of(change.accountId).ledger.changeAccount(change);
  }
}

const spansShards = (groupId?: string): Problem =>
  new Problem(
    'group_spans_shards',
    'The accounts of the group are in different shards. Accounts whose ids end in the same @… are in one shard.',
    { ...(groupId !== undefined && { groupId }) },
  );
