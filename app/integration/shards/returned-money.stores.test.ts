import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { payoutIdOf } from '../../domain/crossing.ts';
import { newUuidV7 } from '../../domain/ids.ts';
import { Problem } from '../../domain/problem.ts';
import type { AccountStatus, TransferOrder } from '../../domain/types.ts';
import { commandLost, type Fault, passing, replyLost } from '../../journal/testing/faulty-cache.ts';
import { systemClock } from '../../kernel/clock.ts';
import { until } from '../../kernel/testing/until.ts';
import type { PayoutOrder, ReturnedMoneyQuery } from '../../ledger/ports/returned-money.ts';
import { SeededRandom } from '../../shards/testing/random.ts';
import type { PodBench } from '../testing/pod-bench.ts';
import { applyOne, type JoinedPod, ShardsBench, wordFor } from '../testing/shards-bench.ts';

let bench: ShardsBench;
let pod: JoinedPod;
/** Accounts of shard 0: two sources of transfers, and two accounts to which money is paid out. */
let sources: string[];
let [payee, other] = ['', ''];
/** An account of shard 1. */
let refusing: string;
beforeAll(async () => {
  bench = await ShardsBench.create(2);
});
afterAll(() => bench.drop());
beforeEach(async () => {
  const names = Array.from({ length: 40 }, (_, index) => `acct-${index}`);
  const own = names.filter((name) => bench.shardOf(name) === 0);
  sources = own.slice(0, 2);
  [payee = '', other = ''] = own.slice(2);
  refusing = names.find((name) => bench.shardOf(name) === 1) ?? '';
  await bench.begin([...sources, payee, other, refusing]);
  pod = bench.join();
});
afterEach(() => bench.end());

const origin = { user: 'olga', correlationId: 'ticket-4711' };
const reason = 'the owner named this account';
const setStatus = (accountId: string, status: AccountStatus) =>
  pod.ledger.changeAccount({
    changeId: newUuidV7(systemClock.now()),
    accountId,
    status,
    user: 'u',
    correlationId: 'c',
  });
const balanceOf = async (accountId: string) => {
  const [seen] = await pod.ledger.read([accountId]);
  return seen instanceof Problem ? seen.code : seen?.balance;
};
const restIn = async (shard: number) => {
  const [row] =
    (await bench.dbs[shard]?.database.rows<{ balance: number }>(
      "SELECT balance FROM accounts WHERE account_id = '~returns:EUR'",
    )) ?? [];
  return row?.balance;
};
const list = (query: Partial<ReturnedMoneyQuery> = {}) =>
  pod.returnedMoney.list({ shard: undefined, unpaid: true, limit: 100, position: null, ...query });
const payoutOf = (order: TransferOrder, different: Partial<PayoutOrder> = {}): PayoutOrder => ({
  shard: 0,
  transactionId: order.transactionId,
  destination: payee,
  amount: order.amount,
  currency: order.currency,
  reason,
  ...different,
});
const payOut = async (payout: PayoutOrder, by = pod): Promise<string> => {
  try {
    const answer = await by.returnedMoney.payOut(payout, origin);
    return answer.status === 'POSTED' ? wordFor(answer) : answer.refusal;
  } catch (error) {
    if (error instanceof Problem) return error.code;
    throw error;
  }
};

/**
 * Transfers the whole balance of the source. The destination refuses the money after it has left the source, and then
 * the source refuses to take it back.
 */
async function returned(source: string, amount = 10_000): Promise<TransferOrder> {
  const transactionId = newUuidV7(systemClock.now());
  const order = bench.pod(0).order({ transactionId, source, destination: refusing, amount });
  await setStatus(refusing, 'ACTIVE');
  const { cache } = bench.pod(1);
  let isFrozen = false;
  cache.always('apply', async (run) => {
    if (!isFrozen && cache.applied.at(-1)?.includes(`${transactionId}~0`)) {
      isFrozen = true;
      await setStatus(source, 'CLOSED');
      await setStatus(refusing, 'FROZEN');
    }
    return run();
  });
  expect(wordFor(await applyOne(pod, order))).toBe('account_frozen');
  cache.always('apply', passing);
  await bench.closeAll(pod);
  await until('MySQL has the returned money', async () => (await restIn(0)) !== undefined);
  return order;
}

describe('money that no account could take', () => {
  it('is listed, paid out once, and shown in the history with the user and the reason', async () => {
    const order = await returned(sources[0] ?? '');
    const { transactionId } = order;
    const listed = { shard: 0, transactionId, source: order.source, destination: refusing, amount: 10_000 };
    expect(await list()).toMatchObject({
      balances: [{ shard: 0, currency: 'EUR', amount: 10_000 }],
      items: [{ ...listed, payout: null }],
      next: null,
    });
    expect(await payOut(payoutOf(order))).toBe('POSTED');
    expect(await payOut(payoutOf(order, { reason: 'the same request with a different reason' }))).toBe('POSTED*');
    expect(await payOut(payoutOf(order, { destination: other }))).toBe('already_paid_out');
    expect([await balanceOf(payee), await restIn(0)]).toEqual([20_000, 0]);
    expect(await list()).toMatchObject({ items: [], next: null });
    const payout = { destination: payee, reason, user: 'olga' };
    expect(await list({ unpaid: false })).toMatchObject({ items: [{ ...listed, payout }] });
    const [posting] = (await pod.history.page({ accountId: payee, position: 1, toward: 'newer', limit: 10 })).items;
    expect(posting).toMatchObject({
      transactionId,
      leg: 'payout',
      amount: 10_000,
      counterparty: order.source,
      user: 'olga',
      metadata: { reason },
    });
    expect(await bench.violations()).toEqual([]);
  });

  it('is paid out only if it was returned, only as a whole, from its own shard, and in its currency', async () => {
    const order = await returned(sources[0] ?? '');
    const posted = bench
      .pod(0)
      .order({ transactionId: newUuidV7(systemClock.now()), source: payee, destination: other });
    await applyOne(pod, posted, 'persisted');
    for (const [different, word] of [
      [{ amount: 9_999 }, 'validation_failed'],
      [{ amount: 10_001 }, 'validation_failed'],
      [{ currency: 'USD' }, 'validation_failed'],
      [{ shard: 1, destination: refusing }, 'transfer_not_found'],
      [{ shard: 2 }, 'validation_failed'],
      [{ destination: refusing }, 'validation_failed'],
      [{ transactionId: posted.transactionId, amount: posted.amount }, 'transfer_not_found'],
      [{ transactionId: newUuidV7(systemClock.now()) }, 'transfer_not_found'],
    ] as const)
      expect([different, await payOut(payoutOf(order, different))]).toEqual([different, word]);
    const nobody = Array.from({ length: 99 }, (_, index) => `nobody-${index}`).find((id) => bench.shardOf(id) === 0);
    expect(await payOut(payoutOf(order, { destination: nobody ?? '' }))).toBe('account_not_found');
    expect(await restIn(0)).toBe(10_000);
  });

  it('can still be paid out to another account if the requested one cannot take it', async () => {
    const order = await returned(sources[0] ?? '');
    await setStatus(payee, 'FROZEN');
    for (let tries = 0; tries < 3; tries++) expect(await payOut(payoutOf(order))).toBe('account_frozen');
    // The dry run does not detect that the account is frozen; the transfer does.
    await setStatus(payee, 'ACTIVE');
    const { cache } = bench.pod(0);
    let faults = 1;
    cache.always('apply', async (run) => {
      if (faults > 0 && cache.applied.at(-1)?.includes(payoutIdOf(order.transactionId, 0))) {
        faults -= 1;
        await setStatus(payee, 'FROZEN');
      }
      return run();
    });
    expect(await payOut(payoutOf(order))).toBe('account_frozen');
    cache.always('apply', passing);
    expect(await payOut(payoutOf(order, { destination: other }))).toBe('POSTED');
    await setStatus(payee, 'ACTIVE');
    expect(await payOut(payoutOf(order))).toBe('already_paid_out');
    expect(await list({ unpaid: false })).toMatchObject({ items: [{ payout: { destination: other } }] });
    expect(await restIn(0)).toBe(0);
  });

  it('is listed in pages, even while some of it is paid out', async () => {
    const orders = [await returned(sources[0] ?? ''), await returned(sources[1] ?? '')];
    const idsOf = ({ items }: Awaited<ReturnType<typeof list>>) => items.map(({ transactionId }) => transactionId);
    const first = await list({ limit: 1 });
    expect(idsOf(first)).toEqual([orders[0]?.transactionId]);
    const second = await list({ limit: 1, position: first.next });
    expect(idsOf(second)).toEqual([orders[1]?.transactionId]);
    const rest = second.next === null ? { items: [], next: null } : await list({ limit: 1, position: second.next });
    expect(rest).toMatchObject({ items: [], next: null });
    await payOut(payoutOf(orders[0] as TransferOrder));
    expect(idsOf(await list({ limit: 1 }))).toEqual([orders[1]?.transactionId]);
    expect(idsOf(await list({ shard: 1 }))).toEqual([]);
    await expect(list({ shard: 2 })).rejects.toMatchObject({ code: 'validation_failed' });
  });
});

describe('a payout', () => {
  it.each([
    ['its reply is lost', replyLost],
    ['it never arrives', commandLost],
  ] as [string, Fault][])('is made once even if %s', async (_, fault) => {
    const order = await returned(sources[0] ?? '');
    const { cache } = bench.pod(0);
    let faults = 2;
    cache.always('apply', (run) => {
      if (faults === 0 || !cache.applied.at(-1)?.includes(payoutIdOf(order.transactionId, 0))) return run();
      faults -= 1;
      return fault(run);
    });
    expect(await payOut(payoutOf(order))).toBe('POSTED');
    expect(faults).toBe(0);
    expect([await balanceOf(payee), await restIn(0)]).toEqual([20_000, 0]);
  });

  it('is made once despite concurrent requests for different accounts in two processes that lose replies', async () => {
    const orders = [await returned(sources[0] ?? ''), await returned(sources[1] ?? '')];
    const others: PodBench[] = [];
    for (const one of bench.pods) others.push(await one.another());
    const pods = [pod, bench.join(others)];
    const random = new SeededRandom(7);
    const faulty = (): Fault => (random.chance(0.3) ? random.pick([replyLost, commandLost]) : passing);
    for (const one of [...bench.pods, ...others]) one.cache.always('apply', (run) => faulty()(run));
    const words = await Promise.all(
      Array.from({ length: 24 }, async (_, index) => {
        const order = orders[index % 2] as TransferOrder;
        const payout = payoutOf(order, { destination: index % 3 === 0 ? other : payee, reason: `${reason}, ${index}` });
        for (;;) {
          const word = await payOut(payout, pods[index % 4 < 2 ? 0 : 1]);
          if (!['outcome_unknown', 'transfer_pending', 'overloaded', 'ledger_switching'].includes(word)) return word;
        }
      }),
    );
    expect([...new Set(words)].filter((word) => !['POSTED', 'POSTED*', 'already_paid_out'].includes(word))).toEqual([]);
    expect(words.filter((word) => word === 'POSTED').length).toBeLessThanOrEqual(2);
    const [one, two] = [await balanceOf(payee), await balanceOf(other)];
    expect([Number(one) + Number(two), await restIn(0)]).toEqual([40_000, 0]);
    const { items } = await list({ unpaid: false });
    expect(items.map(({ payout }) => payout?.user)).toEqual(['olga', 'olga']);
  });

  it('is made while MySQL has the authority, and is not repeated by Redis', async () => {
    const order = await returned(sources[0] ?? '');
    const second = await returned(sources[1] ?? '');
    bench.notFlushed.add(0);
    await bench.pod(0).closing();
    await bench.pod(0).recoverFromHandOvers();
    await bench.pod(0).openDirectly();
    expect(await payOut(payoutOf(order))).toBe('POSTED');
    expect([await payOut(payoutOf(order)), await payOut(payoutOf(order, { destination: other }))]).toEqual([
      'POSTED*',
      'already_paid_out',
    ]);
    await bench.pod(0).activate();
    await bench.pod(0).open();
    bench.notFlushed.clear();
    expect(await payOut(payoutOf(order))).toBe('POSTED*');
    expect(await payOut(payoutOf(second))).toBe('POSTED');
    expect([await balanceOf(payee), await restIn(0)]).toEqual([30_000, 0]);
  });
});
