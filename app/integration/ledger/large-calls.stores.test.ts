import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { accountOf, orderOf, summaryOf } from '../../domain/testing/orders.ts';
import { CALL_TRANSFERS_MAX } from '../../journal/cache-port.ts';
import { encodeOrder } from '../../journal/codec.ts';
import { ModelLedger } from '../../ledger/testing/model-ledger.ts';
import { RealLedger } from '../testing/real-ledger.ts';

let stage: RealLedger;
beforeAll(async () => {
  stage = await RealLedger.open({ redisPort: inject('redisPort'), mysqlUrl: inject('mysqlUrl') });
  await stage.begin();
});
afterAll(() => stage[Symbol.asyncDispose]());

const longId = (name: string, number: number): string => `${name}-${number}-`.padEnd(64, 'x');
const itemsOf = (count: number) =>
  Array.from({ length: count }, (_, index) => {
    const order = orderOf({
      transactionId: longId('t', index),
      source: longId('world', index),
      destination: longId('a', index),
    });
    return { order, payload: encodeOrder(order, 1), lookupCursor: 0 };
  });

/**
 * A script unpacks ids and accounts onto a stack of about 8000 slots; beyond that a call would fail after its first
 * write, and leave balances without a journal entry.
 */
describe('the largest call', () => {
  it('with a separate account on every side, and ids of maximum length, is applied completely', async () => {
    const pod = await stage.pod();
    const items = itemsOf(CALL_TRANSFERS_MAX);
    for (let from = 0; from < items.length; from += 250) {
      const some = items.slice(from, from + 250);
      const accounts = some.flatMap(({ order }) => [accountOf(order.source), accountOf(order.destination)]);
      await stage.scripts.install(pod.caller, accounts, 0, 10_000);
    }
    const { head, records, entries } = await stage.scripts.apply(pod.caller, items);
    expect(records.map(({ status }) => status)).toEqual(items.map(() => 1));
    expect(head.seq).toBe(items.length);
    const { entries: journal } = await stage.scripts.journal(stage.keeper, 0, 1_000);
    expect(journal).toEqual(entries);
    const { accounts } = await stage.scripts.read(
      pod.caller,
      items.map(({ order }) => order.destination),
    );
    expect(accounts.every((account) => account?.balance === 100)).toBe(true);
  });

  it('is never exceeded: larger calls are rejected before anything is sent', async () => {
    const pod = await stage.pod();
    const before = (await stage.scripts.read(pod.caller, [])).head;
    await expect(stage.scripts.apply(pod.caller, itemsOf(CALL_TRANSFERS_MAX + 1))).rejects.toThrow(RangeError);
    expect((await stage.scripts.read(pod.caller, [])).head.seq).toBe(before.seq);
  });

  it('limits a batch, whatever the setting is', async () => {
    const model = await ModelLedger.open({
      applyBatchMax: 5_000,
      queueTransfersMax: 10_000,
      backlogEntriesMax: 10_000,
    });
    await model.apply(model.order());
    model.cache.applied.length = 0;
    const answers = await model.apply(...Array.from({ length: 2_500 }, () => model.order({ amount: 1 })));
    expect(new Set(answers.map(summaryOf))).toEqual(new Set(['POSTED']));
    expect(model.cache.applied.map((ids) => ids.length)).toEqual([1_000, 1_000, 500]);
  });
});

describe('a read of the journal', () => {
  const MIB = 1024 * 1024;
  const entryOf = (bytes: number) => {
    const one = orderOf({ source: 'world', destination: 'ada' });
    return [{ order: one, payload: encodeOrder(one, 1).padEnd(bytes - 2), lookupCursor: 0 }];
  };

  it('returns at most 4 MiB, and continues after what it returned; a larger entry is returned alone', async () => {
    await stage.begin();
    const pod = await stage.pod();
    await stage.scripts.install(pod.caller, [accountOf('world'), accountOf('ada')], 0, 10_000);
    const sizes = [1, 1, 1, 1, 1, 5, 3, 2].map((mib) => mib * MIB);
    for (const bytes of sizes) await stage.scripts.apply(pod.caller, entryOf(bytes));
    const replies: number[][] = [];
    for (let seq = 0; seq < sizes.length; seq = replies.flat().length) {
      const { entries } = await stage.scripts.journal(stage.keeper, seq, 1_000);
      expect(entries.map(({ firstSeq }) => firstSeq)).toEqual(entries.map((_, index) => seq + 1 + index));
      replies.push(entries.map(({ payload }) => payload.length / MIB));
    }
    expect(replies).toEqual([[1, 1, 1, 1], [1], [5], [3], [2]]);
  });
});
