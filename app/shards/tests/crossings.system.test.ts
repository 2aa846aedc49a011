import { describe, expect, it } from 'vitest';
import { Problem } from '../../domain/problem.ts';
import type { Outcome, TransferOrder } from '../../domain/types.ts';
import { CrossingHistory } from '../testing/crossing-history.ts';
import type { Tampering } from '../testing/model-pod.ts';
import { claimedPersisted } from '../testing/tamperings.ts';

const SEEDS = Number(process.env.CROSSING_SEEDS ?? 10);
const TRANSFERS = 60;
/** Enough histories to find every mutant. */
const MUTANT_SEEDS_MAX = 100;

describe('random histories of transfers between shards', () => {
  it('lose no money, duplicate no money, and bring every transfer to an end', async () => {
    const counts: Record<string, number> = {};
    for (let seed = 1; seed <= SEEDS; seed++) {
      const history = new CrossingHistory(seed);
      await history.run(TRANSFERS);
      expect(history.violations, `seed ${seed}`).toEqual([]);
      for (const [name, count] of Object.entries(history.counts)) counts[name] = (counts[name] ?? 0) + count;
    }
    if (process.env.CROSSING_SEEDS) console.log(counts);
    for (const name of ['done', 'returned', 'refused', 'losses']) expect(counts[name], name).toBeGreaterThan(SEEDS / 2);
    expect(counts.kept).toBeGreaterThan(0);
    expect(counts.unexpected).toBe(0);
  }, 300_000);
});

/** Changes the answers to legs before the sender of the legs receives them. */
const changedAnswers =
  (change: (answer: Outcome | Problem, order: TransferOrder) => Outcome | Problem): Tampering =>
  ({ ledger }) => ({
    ledger: {
      ...ledger,
      apply: async (orders, durability) =>
        (await ledger.apply(orders, durability)).map((answer, index) => change(answer, orders[index] as TransferOrder)),
    },
  });
const MUTANTS: Record<string, Tampering> = {
  '`in` is sent before MySQL has `out`': claimedPersisted('out'),
  'a problem of `in` is treated as a refusal': changedAnswers((answer, order) => {
    if (!(answer instanceof Problem) || order.leg?.name !== 'in') return answer;
    const common = { order, acceptedAt: 0, takenAt: 0, epoch: 1, seq: 1, replayed: false, persisted: true };
    return { ...common, status: 'REJECTED', refusal: 'account_frozen' };
  }),
  'every attempt of `in` has a different id': ({ ledger }) => {
    let attempt = 0;
    const renamed = (order: TransferOrder) =>
      order.leg?.name === 'in' ? { ...order, transactionId: `${order.transactionId}.${attempt++}` } : order;
    return { ledger: { ...ledger, apply: (orders, durability) => ledger.apply(orders.map(renamed), durability) } };
  },
  'couriers read outcomes that MySQL does not have yet': (_, model) => ({
    database: {
      findOutcomes: async (ids) => {
        const found = await model.findOutcomes(ids);
        for (const id of ids) {
          const cached = model.cache.outcomes.get(id);
          if (cached) found.outcomes.set(id, { ...cached, replayed: true, persisted: true });
        }
        return found;
      },
    },
  }),
};

describe('a rule that is switched off', () => {
  it.each(Object.keys(MUTANTS))(
    'is found: %s',
    async (name) => {
      for (let seed = 1; seed <= MUTANT_SEEDS_MAX; seed++) {
        const history = new CrossingHistory(seed, MUTANTS[name]);
        await history.run(TRANSFERS);
        if (history.violations.length === 0) continue;
        if (process.env.CROSSING_SEEDS) console.log(name, 'seed', seed, history.violations[0]);
        return;
      }
      expect.fail('no history was wrong');
    },
    600_000,
  );
});
