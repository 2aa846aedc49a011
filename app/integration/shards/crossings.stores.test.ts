import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { legIdOf } from '../../domain/crossing.ts';
import { newUuidV7 } from '../../domain/ids.ts';
import type { LegName } from '../../domain/leg-types.ts';
import type { TransferOrder } from '../../domain/types.ts';
import { commandLost, type Fault, Gate, passing, replyLost } from '../../journal/testing/faulty-cache.ts';
import { systemClock } from '../../kernel/clock.ts';
import { until } from '../../kernel/testing/until.ts';
import { SeededRandom } from '../../shards/testing/random.ts';
import type { PodBench } from '../testing/pod-bench.ts';
import { applyOne, type JoinedPod, ShardsBench, wordFor } from '../testing/shards-bench.ts';

const SHARDS = 2;
let bench: ShardsBench;
let pod: JoinedPod;
/** Accounts of shard 0 and of shard 1. */
let a: string;
let b: string;
beforeAll(async () => {
  bench = await ShardsBench.create(SHARDS);
});
afterAll(() => bench.drop());
beforeEach(async () => {
  const names = Array.from({ length: 20 }, (_, index) => `acct-${index}`);
  a = names.find((name) => bench.shardOf(name) === 0) ?? '';
  b = names.find((name) => bench.shardOf(name) === 1) ?? '';
  await bench.begin([a, b]);
  pod = bench.join();
});
afterEach(() => bench.end());

const transfer = (different: Partial<TransferOrder> = {}): TransferOrder =>
  bench.pod(0).order({ transactionId: newUuidV7(systemClock.now()), source: a, destination: b, ...different });
const answer = async (order: TransferOrder, by = pod) => wordFor(await applyOne(by, order));
const freeze = (status: 'FROZEN' | 'ACTIVE') =>
  pod.ledger.changeAccount({
    changeId: newUuidV7(systemClock.now()),
    accountId: b,
    status,
    user: 'u',
    correlationId: 'c',
  });
async function expectAtRest(by = pod): Promise<void> {
  await bench.closeAll(by);
  await until('everything is flushed', async () => (await bench.violations()).length === 0).catch(() => {});
  expect(await bench.violations()).toEqual([]);
}

/** The calls that contain a leg get these faults, one each. Earlier calls may load accounts. */
function onLeg(leg: LegName, { transactionId }: TransferOrder, ...faults: Fault[]): void {
  const { cache } = bench.pod(leg === 'in' ? 1 : 0);
  const left = [...faults];
  cache.always('apply', (run) => {
    const isLeg = cache.applied.at(-1)?.includes(legIdOf(transactionId, leg, 0));
    return ((isLeg && left.shift()) || passing)(run);
  });
}
/** Freezes the destination between the preview and `in`. */
function freezeBeforeIn(order: TransferOrder): void {
  onLeg('in', order, async (run) => {
    await freeze('FROZEN');
    return run();
  });
}

describe('a transfer between two shards', () => {
  it('is answered with both accounts, appears in both histories, and is closed', async () => {
    const order = transfer({ amount: 300 });
    expect(await applyOne(pod, order)).toMatchObject({
      order,
      status: 'POSTED',
      source: { balance: 9_700, version: 2 },
      destination: { balance: 10_300, version: 2 },
      replayed: false,
    });
    expect(await applyOne(pod, order, 'persisted')).toMatchObject({ order, replayed: true, persisted: true });
    await expectAtRest();
    for (const [accountId, amount, counterparty] of [
      [a, -300, b],
      [b, 300, a],
    ] as const) {
      const newer = { accountId, position: 1, toward: 'newer', limit: 10 } as const;
      const [posting] = (await pod.history.page(newer)).items;
      expect(posting).toMatchObject({ transactionId: order.transactionId, amount, counterparty });
    }
    expect(await pod.ledger.outcome(order.transactionId)).toMatchObject({ order, persisted: true });
    expect(await answer({ ...order, amount: 301 })).toBe('transaction_id_reused');
  });

  it('is refused by either end; if both refuse it, for the reason that the rules check first', async () => {
    const poor = transfer({ amount: 99_999 });
    expect(await answer(poor)).toBe('insufficient_funds');
    await freeze('FROZEN');
    const order = transfer();
    expect([await answer(order), await answer(transfer({ amount: 99_999 }))]).toEqual([
      'account_frozen',
      'account_frozen',
    ]);
    await freeze('ACTIVE');
    expect([await answer(order), await answer(poor)]).toEqual(['account_frozen*', 'insufficient_funds*']);
    await expectAtRest();
  });

  it('is returned if the destination refuses it after the preview', async () => {
    const order = transfer();
    freezeBeforeIn(order);
    expect(await answer(order)).toBe('account_frozen');
    await expectAtRest();
    expect(await pod.ledger.read([a])).toMatchObject([{ balance: 10_000, version: 3 }]);
    expect(await pod.ledger.outcome(order.transactionId, { account: a })).toMatchObject({
      order,
      refusal: 'account_frozen',
    });
    await freeze('ACTIVE');
    expect(await answer(order)).toBe('account_frozen*');
  });

  it('can be reversed, once', async () => {
    const order = transfer({ amount: 300 });
    await applyOne(pod, order);
    const reversal = transfer({
      kind: 'reversal',
      transactionId: 'reversal:1',
      source: b,
      destination: a,
      amount: 300,
      reverses: order.transactionId,
    });
    await until('MySQL has both legs', async () => (await answer(reversal)) !== 'transfer_pending');
    expect(await answer(reversal)).toBe('POSTED*');
    await expectAtRest();
    expect(await pod.ledger.read([a, b])).toMatchObject([{ balance: 10_000 }, { balance: 10_000 }]);
  });

  it('is only previewed by a dry run, which opens no crossing', async () => {
    const preview = await pod.ledger.preview([transfer({ amount: 300 })], 'transfers', async () => null);
    expect(preview).toMatchObject({ sides: [{ source: { balance: 9_700 }, destination: { balance: 10_300 } }] });
    expect(await bench.openCrossings()).toBe(0);
  });
});

describe('each leg of a transfer', () => {
  const legs: LegName[] = ['out', 'in', 'back'];
  const faults: [string, Fault][] = [
    ['its reply is lost', replyLost],
    ['it never arrives', commandLost],
  ];
  it.each(legs.flatMap((leg) => faults.map(([what, fault]) => [leg, what, fault] as const)))(
    '%s: %s, and the client still gets its answer',
    async (leg, _, fault) => {
      const order = transfer();
      if (leg === 'back') freezeBeforeIn(order);
      onLeg(leg, order, fault, fault);
      expect(await answer(order)).toBe(leg === 'back' ? 'account_frozen' : 'POSTED');
      await expectAtRest();
    },
  );

  it.each(legs)('%s: the process stops before it, another one finishes, and the first one wakes up', async (leg) => {
    const others: PodBench[] = [];
    for (const one of bench.pods) others.push(await one.another());
    const other = bench.join(others);
    const order = transfer();
    const asleep = new Gate();
    if (leg === 'back') freezeBeforeIn(order);
    onLeg(leg, order, asleep.command);
    const first = answer(order);
    await asleep.reached;
    if (leg === 'out') expect(await answer(order, other)).toBe('POSTED');
    await expectAtRest(other);
    const expected = leg === 'back' ? 'account_frozen' : 'POSTED';
    expect(await answer(order, other)).toBe(`${expected}*`);
    asleep.open();
    // A reply of a call that took so long may come after the deadline of its request.
    expect([expected, `${expected}*`, 'outcome_unknown']).toContain(await first);
    await expectAtRest(other);
  });
});

describe('while a shard has no Redis', () => {
  it('transfers to it and from it continue in MySQL', async () => {
    const cached = transfer();
    expect(await answer(cached)).toBe('POSTED');
    bench.notFlushed.add(1);
    await bench.pod(1).closing();
    await bench.pod(1).recoverFromHandOvers();
    const direct = transfer();
    await bench.pod(1).openDirectly();
    expect(await answer(direct)).toBe('POSTED');
    expect(await answer(transfer({ source: b, destination: a }))).toBe('POSTED');
    expect([await answer(cached), await answer(direct)]).toEqual(['POSTED*', 'POSTED*']);
    await expectAtRest();
  });

  it('transfers to it wait, and leave nothing behind if the wait is too long', async () => {
    bench.notFlushed.add(1);
    await bench.pod(1).closing();
    await bench.pod(1).closed();
    expect(await answer(transfer())).toMatch(/^ledger_(switching|closed)$/);
    expect(await bench.openCrossings()).toBe(0);
    await bench.pod(1).activate();
    await bench.pod(1).open();
    bench.notFlushed.clear();
    expect(await answer(transfer())).toBe('POSTED');
    await expectAtRest();
  });
});

describe('many transfers', () => {
  it('in both directions, with lost replies, two processes and a retry of each, leave nothing in transit', async () => {
    const others: PodBench[] = [];
    for (const one of bench.pods) others.push(await one.another());
    const pods = [pod, bench.join(others)];
    const random = new SeededRandom(1);
    const faulty = (): Fault => (random.chance(0.25) ? random.pick([replyLost, commandLost]) : passing);
    for (const one of [...bench.pods, ...others]) one.cache.always('apply', (run) => faulty()(run));
    const stop = new AbortController();
    const couriers = pods.map(({ courier }) => courier.run(stop.signal));
    const orders = Array.from({ length: 120 }, (_, index) =>
      index % 2 === 0 ? transfer({ amount: 1 + index }) : transfer({ source: b, destination: a, amount: 1 + index }),
    );
    const answers = await Promise.all(
      orders.map(async (order, index) => {
        const [first, second] = index % 3 === 0 ? pods : [...pods].reverse();
        if (!first || !second) throw new TypeError('there are two pods');
        const words = [await answer(order, first), await answer(order, second)];
        while (words.at(-1) === 'outcome_unknown' || words.at(-1) === 'overloaded')
          words.push(await answer(order, first));
        return words.at(-1)?.replace('*', '');
      }),
    );
    expect(new Set(answers)).toEqual(new Set(['POSTED']));
    stop.abort();
    await Promise.all(couriers);
    await expectAtRest();
    for (const order of orders) {
      const from = bench.shardOf(order.source);
      const { database } = bench.dbs[1 - from] ?? {};
      const [row] =
        (await database?.rows<{ amount: number }>('SELECT amount FROM transfers WHERE transaction_id = ?', [
          legIdOf(order.transactionId, 'in', from),
        ])) ?? [];
      expect(row?.amount).toBe(order.amount);
    }
  }, 60_000);
});
