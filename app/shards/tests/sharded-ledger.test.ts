import { beforeEach, describe, expect, it } from 'vitest';
import { Problem } from '../../domain/problem.ts';
import { codeOf } from '../../domain/testing/orders.ts';
import { CrossingStage } from '../testing/crossing-stage.ts';
import { beforeLegs } from '../testing/tamperings.ts';

let stage: CrossingStage;
beforeEach(() => {
  stage = new CrossingStage();
});

describe('the outcome of a transfer between shards', () => {
  const left = async () => {
    stage.notFlushed.add(1);
    const pod = stage.newPod(
      beforeLegs({
        in: () => {
          stage.model(1).state = 'closed';
        },
      }),
    );
    await stage.apply(stage.order(), 'cache', pod);
    stage.model(1).state = 'open';
  };
  it('is pending until its destination has decided', async () => {
    await left();
    expect(await stage.outcome()).toBe('transfer_pending');
    expect(await stage.answer()).toBe('POSTED*');
    expect(await stage.outcome()).toBe('POSTED*');
  });
  it('cannot be determined while its destination does not answer, and is not reported as pending', async () => {
    await left();
    stage.model(1).state = 'moving';
    expect(await stage.outcome()).toBe('ledger_switching');
  });
  it('is refused only when MySQL has the refusal', async () => {
    await left();
    stage.model(1).change(stage.account(1, 'b'), { status: 'FROZEN' });
    expect(await stage.answer()).toBe('outcome_unknown');
    expect(await stage.outcome()).toBe('transfer_pending');
    stage.notFlushed.clear();
    await stage.clock.pass(100);
    expect(await stage.outcome()).toBe('account_frozen*');
  });
  it('can be read from the shard of its source alone once the transfer is closed', async () => {
    await stage.apply();
    await stage.deliver();
    stage.model(1).state = 'moving';
    expect(await stage.clock.until(stage.pod.ledger.outcome('T', { account: stage.account(0, 'a') }))).toMatchObject({
      status: 'POSTED',
      persisted: true,
      source: { balance: 900 },
      destination: { balance: 1_100, version: 1 },
    });
  });
  it('is that of the source if it was refused there', async () => {
    await stage.apply(stage.order({ amount: 5_000 }));
    stage.model(1).state = 'moving';
    expect(await stage.outcome('T', stage.account(0, 'a'))).toBe('insufficient_funds*');
  });
});

describe('an id', () => {
  it('is unique within one shard: the source account distinguishes two transfers that share it', async () => {
    const other = stage.order({ source: stage.account(1, 'b'), destination: stage.account(2, 'c'), amount: 7 });
    expect([await stage.answer(), await stage.answer(other)]).toEqual(['POSTED', 'POSTED']);
    expect(await stage.outcome()).toBe('transaction_id_ambiguous');
    const found = await stage.clock.until(stage.pod.ledger.outcome('T', { account: other.source }));
    expect(found.order).toEqual(other);
  });
  it('is reported as unknown only if every shard has answered', async () => {
    expect(await stage.outcome()).toBe('transfer_not_found');
    stage.model(2).state = 'moving';
    expect(await stage.outcome()).toBe('ledger_switching');
    await stage.apply();
    expect(await stage.outcome()).toBe('POSTED*');
    expect(await stage.outcome('U', stage.account(0, 'a'))).toBe('transfer_not_found');
  });
});

describe('a batch', () => {
  it('is divided by shard and answered in order', async () => {
    const orders = [
      stage.order({ transactionId: '0', source: stage.account(1, 'b'), destination: stage.account(1, 'd') }),
      stage.order({ transactionId: '1' }),
      stage.order({ transactionId: '2', destination: stage.account(0, 'e'), amount: 5_000 }),
      stage.order({ transactionId: '3', source: stage.account(2, 'c') }),
    ];
    const answers = await stage.clock.until(stage.pod.ledger.apply(orders, 'cache'));
    expect(answers.map((answer) => answer instanceof Problem || [answer.order, answer.status])).toEqual([
      [orders[0], 'POSTED'],
      [orders[1], 'POSTED'],
      [orders[2], 'REJECTED'],
      [orders[3], 'POSTED'],
    ]);
  });
  it('in which one shard fails still has the answers of the others', async () => {
    stage.model(1).state = 'closed';
    const [inside, across] = [stage.order({ transactionId: '0', destination: stage.account(0, 'e') }), stage.order()];
    const answers = await stage.clock.until(stage.pod.ledger.apply([across, inside], 'cache'));
    expect(answers).toMatchObject([{ code: 'ledger_closed' }, { status: 'POSTED' }]);
  });
});

describe('a reversal of a transfer between shards', () => {
  const reversal = () =>
    stage.order({
      kind: 'reversal',
      transactionId: 'reversal:T',
      source: stage.account(1, 'b'),
      destination: stage.account(0, 'a'),
      reverses: 'T',
    });
  it('waits until MySQL has both legs', async () => {
    stage.notFlushed.add(1);
    await stage.apply();
    expect(await stage.answer(reversal())).toBe('transfer_pending');
    stage.notFlushed.clear();
    await stage.clock.pass(100);
    expect(await stage.answer(reversal())).toBe('POSTED');
    expect([stage.balance(stage.account(0, 'a')), stage.inTransit]).toEqual([1_000, 0]);
  });
  it('is not made if the transfer is unknown', async () => {
    expect(await stage.answer(reversal())).toBe('transfer_not_found');
  });
});

describe('a dry run', () => {
  const preview = (...orders: ReturnType<typeof stage.order>[]) =>
    stage.clock.until(stage.pod.ledger.preview(orders, 'transfers', async () => null));
  it('of a transfer between shards shows both accounts, and moves nothing', async () => {
    expect(await preview(stage.order())).toMatchObject({
      sides: [{ source: { balance: 900 }, destination: { balance: 1_100 } }],
    });
    expect(stage.legs(0)).toEqual([]);
  });
  it('shows the refusal that the transfer would get', async () => {
    expect(await preview(stage.order({ amount: 5_000 }))).toMatchObject({ index: 0, refusal: 'insufficient_funds' });
    stage.model(1).change(stage.account(1, 'b'), { status: 'FROZEN' });
    expect(await preview(stage.order({ amount: 5_000 }))).toMatchObject({ index: 0, refusal: 'account_frozen' });
  });
  it('of a group in several shards reports that the group is not possible', async () => {
    const group = stage.pod.ledger.preview([stage.order(), stage.order()], 'group', async () => null);
    expect(await codeOf(group)).toBe('group_spans_shards');
  });
});

describe('a request that concerns several shards', () => {
  it('is refused with a hint if it is for a group', async () => {
    const orders = [stage.order({ groupId: 'g' }), stage.order({ transactionId: 'U', groupId: 'g' })];
    const answer = await stage.pod.ledger.applyGroup({ groupId: 'g', orders, split: null }, 'cache');
    expect(answer).toMatchObject({ code: 'group_spans_shards', status: 422, extras: { groupId: 'g' } });
  });
  it('is split by shard and answered in order if it reads many accounts', async () => {
    const ids = [stage.account(2, 'c'), stage.account(0, 'a'), 'nobody', stage.account(1, 'b')];
    const found = await stage.pod.ledger.read(ids);
    expect(found.map((one) => (one instanceof Problem ? one.code : one.accountId))).toEqual([
      ids[0],
      ids[1],
      'account_not_found',
      ids[3],
    ]);
  });
});
