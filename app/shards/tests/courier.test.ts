import { beforeEach, describe, expect, it } from 'vitest';
import { Problem } from '../../domain/problem.ts';
import { CrossingStage } from '../testing/crossing-stage.ts';
import { beforeLegs } from '../testing/tamperings.ts';

let stage: CrossingStage;
beforeEach(() => {
  stage = new CrossingStage();
});
const freeze = () => stage.model(1).change(stage.account(1, 'b'), { status: 'FROZEN' });

/** Leaves a transfer with its money in transit, by killing its pod before a leg. */
async function broken(leg: string, id = 'T', to = stage.account(1, 'b'), more: Record<string, () => void> = {}) {
  const pod = stage.newPod(
    beforeLegs({
      ...more,
      [leg]: () => {
        pod.killed = true;
        throw new Error('killed');
      },
    }),
  );
  await stage.apply(stage.order({ transactionId: id, destination: to }), 'cache', pod).catch(() => {});
}

describe('a courier', () => {
  it('completes a transfer that was interrupted after `out`, and closes it', async () => {
    await broken('in');
    expect([stage.inTransit, stage.closing()]).toEqual([100, null]);
    await stage.deliver();
    expect(stage.balance(stage.account(1, 'b'))).toBe(1_100);
    expect(stage.closing()).toEqual({ transactionId: 'T', state: 'DONE', balance: 1_100, version: 1 });
    expect(stage.events).toEqual(['T done (courier)']);
  });

  it('returns the money if the destination refuses it', async () => {
    await broken('in');
    freeze();
    await stage.deliver();
    await stage.deliver();
    expect([stage.balance(stage.account(0, 'a')), stage.inTransit]).toEqual([1_000, 0]);
    expect(stage.closing()).toMatchObject({ state: 'RETURNED', because: { refusal: 'account_frozen' } });
  });

  it('continues wherever the transfer was interrupted', async () => {
    await broken('back', 'T', stage.account(1, 'b'), { in: () => freeze() });
    await stage.deliver();
    expect(stage.legs(0)).toEqual(['T POSTED', 'T~back POSTED']);
    expect(stage.closing()).toMatchObject({ state: 'RETURNED' });
  });

  it('closes a transfer only when the shard of the last leg has that leg in MySQL', async () => {
    stage.notFlushed.add(1);
    expect(await stage.answer()).toBe('POSTED');
    await stage.deliver();
    expect(stage.closing()).toBeNull();
    // The payment, which only Redis has acknowledged, is lost, so the money is paid again.
    stage.model(1).acceptLoss();
    expect(stage.balance(stage.account(1, 'b'))).toBe(1_000);
    stage.notFlushed.clear();
    await stage.deliver();
    expect(stage.balance(stage.account(1, 'b'))).toBe(1_100);
    expect(stage.closing()).toMatchObject({ state: 'DONE' });
  });

  it('leaves young transfers to their requests', async () => {
    await broken('in');
    await stage.clock.until(stage.pod.courier.survey(0));
    await stage.clock.until(stage.pod.courier.deliver(1, new AbortController().signal));
    expect(stage.legs(1)).toEqual([]);
  });

  it('is not delayed by a transfer or a shard that cannot continue', async () => {
    stage.account(0, 'a', { balance: 10_000 });
    const closed = stage.account(2, 'c');
    for (let index = 0; index < 30; index++) await broken('in', `S${index}`, closed);
    await broken('in');
    stage.model(2).state = 'closed';
    await stage.deliver();
    expect(stage.closing()).toMatchObject({ state: 'DONE' });
    stage.model(2).state = 'open';
    // More than one page: the first transfers do not delay the others.
    await stage.deliver();
    expect([stage.inTransit, stage.balance(closed)]).toEqual([0, 4_000]);
  });

  it('leaves contradictory legs unchanged, and reports them', async () => {
    await broken('back', 'T', stage.account(1, 'b'), { in: () => freeze() });
    await stage.clock.pass(100);
    const { cache, mysql } = stage.model(1);
    for (const store of [cache, mysql]) {
      const refused = store.outcomes.get('T~0');
      const side = { balance: 0, version: 1, settingsVersion: 1 };
      if (refused) store.outcomes.set('T~0', { ...refused, status: 'POSTED', source: side, destination: side });
    }
    const returned = stage.model(0).mysql.outcomes.get('T');
    if (returned) stage.model(0).mysql.outcomes.set('T~back', returned);
    await stage.deliver();
    expect(stage.closing()).toBeNull();
    const reports = () => stage.events.filter((event) => event === 'T in internal_error!').length;
    expect(reports()).toBe(1);
    await stage.clock.pass(50_000);
    await stage.deliver();
    expect(reports()).toBe(1);
    await stage.clock.pass(10_000);
    await stage.deliver();
    expect(reports()).toBe(2);
  });

  it('can work concurrently with others', async () => {
    for (let index = 0; index < 8; index++) await broken('in', `S${index}`);
    const others = [stage.newPod(), stage.newPod()];
    await Promise.all([stage.pod, ...others].map((pod) => stage.deliver(pod)));
    expect([stage.inTransit, stage.balance(stage.account(1, 'b'))]).toEqual([0, 1_800]);
  });

  it('leaves its turns to others for a while if its clock is wrong', async () => {
    await broken('in');
    let tries = 0;
    const wrong = stage.newPod(({ ledger }) => ({
      ledger: {
        ...ledger,
        apply: async (orders) => {
          tries += 1;
          return orders.map(() => new Problem('clock_unsure', 'test'));
        },
      },
    }));
    await stage.deliver(wrong);
    await stage.deliver(wrong);
    expect(tries).toBe(1);
    await stage.clock.pass(20_000);
    await stage.deliver(wrong);
    expect(tries).toBe(2);
    await stage.deliver();
    expect(stage.closing()).toMatchObject({ state: 'DONE' });
  });

  it('lets no further transfers begin while too many are open', async () => {
    const pod = stage.newPod();
    await broken('in');
    expect(pod.courier.isFull(1)).toBe(false);
    stage.model(0).crossings.summary = async () => [{ toShard: 1, open: 10_000, oldestAgeMs: 1 }];
    await stage.clock.until(pod.courier.survey(0));
    expect(await stage.answer(stage.order({ transactionId: 'U' }), 'cache', pod)).toBe('backlog_full');
    expect(stage.legs(0)).toEqual(['T POSTED']);
    const elsewhere = stage.order({ transactionId: 'V', destination: stage.account(2, 'c') });
    expect(await stage.answer(elsewhere, 'cache', pod)).toBe('POSTED');
  });

  it('retries after a failure of a store, and ends on request', async () => {
    await broken('in');
    stage.model(0).isDatabaseAway = true;
    await stage.clock.pass(2_000);
    await stage.clock.until(stage.pod.courier.survey(0));
    expect(stage.events).toEqual(['courier 0 0']);
    stage.model(0).isDatabaseAway = false;
    const stop = new AbortController();
    const running = stage.pod.courier.run(stop.signal);
    await stage.clock.pass(5_000);
    expect(stage.closing()).toMatchObject({ state: 'DONE' });
    stop.abort();
    await stage.clock.until(running);
  });
});
