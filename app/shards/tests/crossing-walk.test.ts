import { beforeEach, describe, expect, it } from 'vitest';
import { TransitUnavailable } from '../../domain/leg-rules.ts';
import { Problem } from '../../domain/problem.ts';
import { CrossingStage } from '../testing/crossing-stage.ts';
import type { ModelPod, Tampering } from '../testing/model-pod.ts';
import { beforeLegs, both, claimedPersisted } from '../testing/tamperings.ts';

let stage: CrossingStage;
beforeEach(() => {
  stage = new CrossingStage();
});
/** A pod that runs something once before it sends a leg. */
const podThat = (leg: string, action: () => void): ModelPod => stage.newPod(beforeLegs({ [leg]: action }));
const freeze = (status: 'FROZEN' | 'ACTIVE' = 'FROZEN') => stage.model(1).change(stage.account(1, 'b'), { status });

describe('a transfer between two shards', () => {
  it('is answered like one inside a shard, with both of its accounts', async () => {
    const order = stage.order();
    const answer = await stage.apply(order, 'cache');
    expect(answer).toMatchObject({
      order,
      status: 'POSTED',
      source: { balance: 900, version: 1 },
      destination: { balance: 1_100, version: 1 },
      replayed: false,
      persisted: false,
    });
    expect(answer).not.toHaveProperty('order.leg');
    expect(await stage.apply(order, 'persisted')).toMatchObject({ order, replayed: true, persisted: true });
    expect([stage.inTransit, stage.balance(order.source)]).toEqual([0, 900]);
  });

  it('is refused by the rules at its source, and the refusal is its outcome', async () => {
    const order = stage.order({ amount: 5_000 });
    expect(await stage.answer(order)).toBe('insufficient_funds');
    stage.model(0).open(order.source, { balance: 10_000 });
    expect(await stage.answer(order)).toBe('insufficient_funds*');
    expect([stage.inTransit, stage.legs(1)]).toEqual([0, []]);
  });

  it('is refused by the rules at its destination before it leaves, and the refusal is its outcome at the source', async () => {
    const order = stage.order();
    freeze();
    expect(await stage.answer(order)).toBe('account_frozen');
    freeze('ACTIVE');
    expect(await stage.answer(order)).toBe('account_frozen*');
    expect([stage.legs(0), stage.legs(1)]).toEqual([['T REJECTED'], []]);
  });

  it('is refused for the reason that the rules check first, if both ends refuse it', async () => {
    freeze();
    expect(await stage.answer(stage.order({ amount: 5_000 }))).toBe('account_frozen');
    stage.model(0).change(stage.account(0, 'a'), { status: 'CLOSED' });
    expect(await stage.answer(stage.order({ transactionId: 'U' }))).toBe('account_closed');
  });

  it('is returned if the destination refuses it after the preview', async () => {
    const pod = podThat('in', () => freeze());
    const order = stage.order();
    expect(await stage.apply(order, 'cache', pod)).toMatchObject({
      order,
      status: 'REJECTED',
      refusal: 'account_frozen',
      replayed: false,
    });
    expect([stage.balance(order.source), stage.inTransit]).toEqual([1_000, 0]);
    freeze('ACTIVE');
    expect(await stage.answer(order)).toBe('account_frozen*');
    expect(stage.legs(0)).toEqual(['T POSTED', 'T~back POSTED']);
  });

  it('is kept on the account of returns if its source is closed in the meantime', async () => {
    const order = stage.order({ amount: 1_000 });
    const close = () => {
      freeze();
      stage.model(0).change(order.source, { status: 'CLOSED' });
    };
    expect(await stage.answer(order, 'cache', podThat('in', close))).toBe('account_frozen');
    expect(stage.balance('~returns:EUR')).toBe(1_000);
    expect([stage.inTransit, stage.legs(0)]).toEqual([0, ['T POSTED', 'T~back REJECTED', 'T~returns POSTED']]);
    await stage.deliver();
    expect(stage.closing()).toEqual({ transactionId: 'T', state: 'RETURNED', because: { refusal: 'account_frozen' } });
    expect(await stage.answer(order)).toBe('account_frozen*');
  });

  it('stays posted if its destination refuses transfers when the client repeats it', async () => {
    expect(await stage.answer()).toBe('POSTED');
    freeze();
    expect(await stage.answer()).toBe('POSTED*');
  });

  it('gets 404 for an unknown destination and 409 for different content, and no money moves', async () => {
    expect(await stage.answer(stage.order({ destination: `nobody@${stage.account(1, 'b').slice(2)}` }))).toBe(
      'account_not_found',
    );
    expect(stage.legs(0)).toEqual([]);
    expect(await stage.answer()).toBe('POSTED');
    expect(await stage.answer(stage.order({ amount: 99 }))).toBe('transaction_id_reused');
    const elsewhere = stage.order({ destination: stage.account(2, 'c') });
    expect(await stage.answer(elsewhere)).toBe('transaction_id_reused');
    expect(stage.balance(stage.account(0, 'a'))).toBe(900);
  });
});

describe('while a shard cannot answer', () => {
  it('no money leaves the source', async () => {
    stage.model(1).state = 'closed';
    expect(await stage.answer()).toBe('ledger_closed');
    stage.model(1).state = 'open';
    stage.model(0).isDatabaseAway = true;
    expect(await stage.answer()).toBe('database_unavailable');
    expect(stage.legs(0)).toEqual([]);
  });

  it('a transfer is held while the authority of its destination moves', async () => {
    stage.order();
    stage.model(1).state = 'moving';
    stage.clock.after(700, () => {
      stage.model(1).state = 'open';
    });
    expect(await stage.answer()).toBe('POSTED');
    stage.model(1).state = 'moving';
    expect(await stage.answer(stage.order({ transactionId: 'U' }))).toBe('ledger_switching');
    expect(stage.legs(0)).toEqual(['T POSTED']);
  });

  it('a transfer waits while a preview at the end of a move reports accounts as unsettled, and opens no accounts', async () => {
    await stage.apply();
    for (const [index, code] of (['transit_unavailable', 'account_unsettled'] as const).entries()) {
      let looks = 0;
      const pod = stage.newPod(({ ledger }) => ({
        ledger: {
          ...ledger,
          preview: (...args) => {
            looks += 1;
            return looks < 3 ? Promise.reject(new Problem(code, 'it waits for the journal')) : ledger.preview(...args);
          },
        },
      }));
      expect(await stage.answer(stage.order({ transactionId: `U${index}` }), 'cache', pod)).toBe('POSTED');
      expect([...stage.model(1).cache.accounts.keys()].filter((id) => id.startsWith('~'))).toHaveLength(16);
    }
  });

  it('a transfer is held while the transit accounts of its destination wait for a journal', async () => {
    const until = stage.clock.monotonic() + 3_000;
    const tried = new Set<string>();
    const pod = stage.newPod(({ ledger }) => ({
      ledger: {
        ...ledger,
        preview: (...args) => {
          const transit = args[0][0]?.source ?? '';
          if (stage.clock.monotonic() >= until) return ledger.preview(...args);
          tried.add(transit);
          return Promise.reject(new TransitUnavailable(transit, 'unsettled'));
        },
      },
    }));
    expect(await stage.answer(stage.order(), 'cache', pod)).toBe('POSTED');
    expect(tried.size).toBeGreaterThan(16);
    expect(stage.legs(0)).toEqual(['T POSTED']);
  });

  it('a transfer to an account that stays unsettled is refused quickly', async () => {
    const pod = stage.newPod(({ ledger }) => ({
      ledger: { ...ledger, preview: () => Promise.reject(new Problem('account_unsettled', 'it waits')) },
    }));
    const began = stage.clock.monotonic();
    expect(await stage.answer(stage.order(), 'cache', pod)).toBe('account_unsettled');
    expect(stage.clock.monotonic() - began).toBeLessThan(1_000);
    expect(stage.legs(0)).toEqual([]);
  });

  it('every problem after `out` is answered with 504, and the transfer ends later', async () => {
    const pod = podThat('in', () => {
      stage.model(1).state = 'closed';
    });
    const answer = await stage.apply(stage.order(), 'cache', pod);
    expect(answer).toBeInstanceOf(Problem);
    expect(answer).toMatchObject({ code: 'outcome_unknown', extras: { transactionId: 'T' } });
    expect(stage.events).toEqual(['T in ledger_closed']);
    stage.model(1).state = 'open';
    expect(await stage.answer()).toBe('POSTED*');
  });

  it('a 404 or 409 after `out` is answered with 504, and reported as unexpected', async () => {
    const pod = podThat('in', () => {
      stage.model(1).cache.accounts.delete(stage.account(1, 'b'));
    });
    expect(await stage.answer(stage.order(), 'cache', pod)).toBe('outcome_unknown');
    expect(stage.events).toEqual(['T in account_not_found!']);
  });

  it('the client gets its answer at the deadline of the request: 504 if the money may have left', async () => {
    stage.notFlushed.add(0);
    const began = stage.clock.monotonic();
    expect(await stage.answer()).toBe('outcome_unknown');
    expect(stage.clock.monotonic() - began).toBe(10_000);
    const slow = stage.newPod(({ ledger }) => ({
      ledger: { ...ledger, preview: () => new Promise<never>(() => {}) },
    }));
    expect(await stage.answer(stage.order({ transactionId: 'U' }), 'cache', slow)).toBe('ledger_switching');
    expect(stage.legs(0)).toEqual(['T POSTED']);
  });
});

describe('transit accounts', () => {
  it('are avoided if they cannot be used, and opened again if they are missing', async () => {
    await stage.apply();
    const { accounts } = stage.model(1).cache;
    const opened = [...accounts.keys()].filter((id) => id.startsWith('~transit'));
    expect(opened).toHaveLength(16);
    // All accounts are missing, as after a restore. Each is opened again when it is found to be missing.
    for (const id of opened) accounts.delete(id);
    expect(await stage.answer(stage.order({ transactionId: 'U' }))).toBe('POSTED');
  });

  it('are opened in greater numbers if none can be used', async () => {
    const refused = new Set(Array.from({ length: 16 }, (_, stripe) => `~transit:EUR:${stripe}`));
    const pod = stage.newPod(({ ledger }, model) => ({
      ledger: {
        ...ledger,
        apply: async (orders, durability) =>
          model === stage.model(0) && refused.has(orders[0]?.destination ?? '')
            ? [new Problem('transit_unavailable', 'it waits for the journal')]
            : ledger.apply(orders, durability),
      },
    }));
    expect(await stage.answer(stage.order({ transactionId: 'U' }), 'cache', pod)).toBe('POSTED');
  });
});

describe('a rule of the crossing, in a history that needs it', () => {
  const none: Tampering = () => ({});

  /** The destination refuses the transfer only in Redis, and an operator accepts the loss of the refusal. */
  async function lostRefusal(tampering: Tampering) {
    const order = stage.order();
    stage.notFlushed.add(1);
    const pod = stage.newPod(
      both(
        beforeLegs({
          in: () => freeze(),
          back: () => stage.notFlushed.add(0),
        }),
        tampering,
      ),
    );
    await stage.apply(order, 'cache', pod);
    stage.model(1).acceptLoss();
    freeze('ACTIVE');
    stage.notFlushed.delete(1);
    await stage.deliver();
    stage.notFlushed.clear();
    await stage.deliver();
    return [...stage.legs(0), ...stage.legs(1)].filter((leg) => leg.endsWith('POSTED'));
  }
  it('2: money that the destination has refused only in Redis is not returned', async () => {
    expect(await lostRefusal(none)).toEqual(['T POSTED', 'T~0 POSTED']);
    expect(stage.inTransit).toBe(0);
  });
  it('2, switched off: the money is returned and paid', async () => {
    expect(await lostRefusal(claimedPersisted('in'))).toEqual(['T POSTED', 'T~back POSTED', 'T~0 POSTED']);
  });

  /** The source is closed only in Redis when the money comes back, and an operator accepts the loss of that change. */
  async function lostClosing(tampering: Tampering) {
    const order = stage.order({ amount: 1_000 });
    const pod = stage.newPod(
      both(
        beforeLegs({
          in: () => freeze(),
          back: () => {
            stage.notFlushed.add(0);
            stage.model(0).change(order.source, { status: 'CLOSED' });
          },
        }),
        tampering,
      ),
    );
    await stage.apply(order, 'cache', pod);
    stage.model(0).acceptLoss();
    stage.model(0).change(order.source, { status: 'ACTIVE' });
    stage.notFlushed.clear();
    await stage.deliver();
    return stage.legs(0).filter((leg) => leg.endsWith('POSTED'));
  }
  it('3: money whose return the source has refused only in Redis is not sent to the account of returns', async () => {
    expect(await lostClosing(none)).toEqual(['T POSTED', 'T~back POSTED']);
    expect(stage.inTransit).toBe(0);
  });

  it('4: returned money is not paid, even if the destination has lost its refusal', async () => {
    const order = stage.order();
    expect(
      await stage.answer(
        order,
        'cache',
        podThat('in', () => freeze()),
      ),
    ).toBe('account_frozen');
    await stage.clock.pass(100);
    // A backup from before the transfer is restored.
    for (const store of [stage.model(1).cache, stage.model(1).mysql]) store.outcomes.clear();
    freeze('ACTIVE');
    expect(await stage.answer(order)).toBe('outcome_unknown');
    await stage.deliver();
    expect([stage.legs(0), stage.legs(1)]).toEqual([['T POSTED', 'T~back POSTED'], []]);
    expect(stage.closing()).toEqual({ transactionId: 'T', state: 'RETURNED', because: null });
  });
});
