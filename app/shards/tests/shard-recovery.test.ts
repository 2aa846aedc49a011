import { beforeEach, describe, expect, it } from 'vitest';
import { legIdOf } from '../../domain/crossing.ts';
import { Problem } from '../../domain/problem.ts';
import { legOf } from '../../domain/testing/legs.ts';
import { orderOf } from '../../domain/testing/orders.ts';
import { VirtualClock } from '../../kernel/testing/virtual-clock.ts';
import type { RestoredShard } from '../../ledger/ports/restored-shard.ts';
import { type RecoveryReport, ShardRecovery } from '../shard-recovery.ts';
import { restoredModel, survivingModel } from '../testing/model-recovery.ts';
import { ModelShard } from '../testing/model-shard.ts';

const NONE = { crossings: 0, arrivals: 0, reopened: 0, accountsOpened: 0, refusalsRestored: 0 };
/** Shard 0 was restored; `other` is shard 1. */
let lost: ModelShard;
let other: ModelShard;
beforeEach(() => {
  const clock = new VirtualClock();
  [lost, other] = [new ModelShard(clock), new ModelShard(clock)];
  for (const model of [lost, other]) {
    model.open('~transit:EUR:0', { external: true });
    model.open('~returns:EUR', { external: true });
  }
  other.open('a', { balance: 1_000 });
  lost.open('b', { balance: 1_000 });
});

async function recovered(more: Partial<RestoredShard> = {}, isDryRun = false): Promise<RecoveryReport> {
  return new ShardRecovery({
    number: 0,
    restored: { ...restoredModel(lost), ...more },
    others: new Map([[1, survivingModel(other)]]),
    isDryRun,
    onPage: async () => {},
  }).run();
}
/** A transfer from `a` in shard 1 to an account in shard 0 has left. */
function leave(transactionId: string, destination = 'b'): void {
  other.decide(legOf('out', { transactionId, source: 'a', destination, amount: 100 }, { leg: { otherShard: 0 } }));
}
const comeBack = (transactionId: string) =>
  other.decide(
    legOf('back', { transactionId, source: 'a', destination: 'b', amount: 100 }, { leg: { otherShard: 0 } }),
  );
/** A transfer from shard 0 has arrived in shard 1, or was refused there. */
function arrive(transactionId: string, amount = 100, destination = 'a'): void {
  other.decide(legOf('in', { transactionId, source: 'b', destination, amount }, { leg: { otherShard: 0 } }));
}
const close = (transactionId: string, refusal?: 'account_suspended') =>
  other.crossings.close([
    refusal
      ? { transactionId, state: 'RETURNED', because: { refusal } }
      : { transactionId, state: 'DONE', balance: 1, version: 1 },
  ]);
const has = (id: string) => lost.mysql.outcomes.get(id);

describe('The recovery of a restored shard', () => {
  it('finds nothing to do if nothing is lost', async () => {
    expect(await recovered()).toEqual({ ...NONE, paid: 0, loss: {}, refused: 0, contradictions: 0, listed: [] });
  });

  it('opens the missing destination, and then the row, of a transfer that has to be delivered again', async () => {
    leave('t1', 'new');
    await close('t1');
    const steps: string[] = [];
    const report = await recovered({
      open: async (accounts) => {
        steps.push(...accounts.map(({ accountId, currency }) => `${accountId} ${currency}`));
        expect(other.rows.get('t1')?.closing).not.toBeNull();
        await restoredModel(lost).open(accounts);
      },
    });
    expect(report).toMatchObject({ reopened: 1, accountsOpened: 1 });
    expect([steps, other.rows.get('t1')?.closing]).toEqual([['new EUR'], null]);
    expect(await recovered()).toMatchObject({ reopened: 0, accountsOpened: 0 });
  });

  it('writes the refusal of a transfer that came back, with its reason if that is known', async () => {
    for (const [id, destination] of [
      ['t1', 'b'],
      ['t2', 'b'],
      ['t3', 'gone'],
    ] as const) {
      leave(id, destination);
      comeBack(id);
    }
    await close('t1', 'account_suspended');
    expect(await recovered()).toMatchObject({ reopened: 0, refusalsRestored: 3, accountsOpened: 0 });
    expect(has(legIdOf('t1', 'in', 1))).toMatchObject({ status: 'REJECTED', refusal: 'account_suspended' });
    expect(has(legIdOf('t2', 'in', 1))).toMatchObject({ status: 'REJECTED', refusal: 'account_frozen' });
    expect(has(legIdOf('t3', 'in', 1))?.order.destination).toBe('~transit:EUR:0');
    expect(await recovered()).toMatchObject({ refusalsRestored: 0 });
  });

  it('lets the account of losses pay for transfers that arrived, and writes the refusals of others again', async () => {
    arrive('t1', 70);
    other.change('a', { status: 'FROZEN' });
    arrive('t2');
    expect(await recovered()).toMatchObject({ arrivals: 2, paid: 1, refused: 1, loss: { EUR: '70' } });
    expect(has('t1')).toMatchObject({ status: 'POSTED', order: { source: '~loss:EUR', leg: { source: 'b' } } });
    expect(has('t2')).toMatchObject({ status: 'REJECTED', refusal: 'account_frozen' });
    expect(lost.mysql.accounts.get('~loss:EUR')?.balance).toBe(-70);
    expect(lost.rows.get('t1')?.closing).toMatchObject({ state: 'DONE', balance: 1_070, version: 1 });
    expect(await recovered()).toMatchObject({ paid: 0, refused: 0, loss: {} });
  });

  it('uses another transit account if one is full', async () => {
    arrive('t1');
    arrive('t2');
    const full = new Problem('transit_unavailable', 'full');
    const report = await recovered({
      apply: (legs) =>
        legs.some(({ destination }) => destination === '~transit:EUR:0')
          ? Promise.resolve(legs.map(() => full))
          : restoredModel(lost).apply(legs),
    });
    expect(report).toMatchObject({ paid: 2 });
    expect([has('t1'), has('t2')].map((out) => out?.order.destination)).toEqual(['~transit:EUR:1', '~transit:EUR:1']);
  });

  it('writes nothing if the account of losses cannot pay', async () => {
    lost.open('~loss:EUR', { external: true, balance: 50 - Number.MAX_SAFE_INTEGER });
    arrive('t1');
    await expect(recovered()).rejects.toThrow('~loss:EUR cannot pay 100 minor units');
    expect(has('t1')).toBeUndefined();
  });

  it('leaves contradictions as they are, and lists them', async () => {
    leave('t1');
    lost.decide({
      ...legOf('in', { source: 'a', destination: 'b' }, { leg: { otherShard: 1 } }),
      transactionId: 't1~1',
    });
    comeBack('t1');
    arrive('t2');
    lost.decide(orderOf({ transactionId: 't2', source: 'b', destination: '~returns:EUR' }));
    const { contradictions, listed, ...rest } = await recovered();
    expect([contradictions, listed]).toEqual([
      2,
      ['t1 from shard 1 was paid and returned', 't2 arrived in shard 1, but never left its source'],
    ]);
    expect(rest).toMatchObject({ reopened: 0, paid: 0, refused: 0 });
  });

  it('in a dry run, only counts', async () => {
    leave('t1', 'new');
    await close('t1');
    leave('t2');
    comeBack('t2');
    arrive('t3', 70);
    const before = JSON.stringify([...lost.mysql.outcomes, ...lost.mysql.accounts, ...other.rows]);
    const nothing = async () => expect.fail('a write');
    const dry = await recovered({ open: nothing, apply: nothing, writeRefusals: nothing, close: nothing }, true);
    expect(JSON.stringify([...lost.mysql.outcomes, ...lost.mysql.accounts, ...other.rows])).toBe(before);
    expect(dry).toEqual(await recovered());
  });
});
