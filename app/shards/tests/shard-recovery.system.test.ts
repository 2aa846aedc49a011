import { describe, expect, it } from 'vitest';
import { type Broken, RestoredHistory } from '../testing/restored-history.ts';

const SEEDS = Number(process.env.CROSSING_SEEDS ?? 12);
const TRANSFERS = 60;
/** Enough histories to find every broken rule. */
const BROKEN_SEEDS_MAX = 100;

describe('random histories in which a database is restored from a backup', () => {
  it('lose no money, duplicate no money, and bring every transfer to an end', async () => {
    const counts: Record<string, number> = {};
    for (let seed = 1; seed <= SEEDS; seed++) {
      const history = new RestoredHistory(seed);
      await history.run(TRANSFERS);
      expect(history.violations, `seed ${seed}`).toEqual([]);
      expect(history.counts.unexpected, `seed ${seed}`).toBe(0);
      for (const report of history.reports)
        for (const [name, count] of Object.entries(report))
          if (typeof count === 'number') counts[name] = (counts[name] ?? 0) + count;
    }
    if (process.env.CROSSING_SEEDS) console.log(counts);
    for (const name of ['reopened', 'paid']) expect(counts[name], name).toBeGreaterThan(0);
    expect(counts.contradictions).toBe(0);
  }, 300_000);
});

const BROKEN: Record<string, Broken> = {
  'nothing is recovered': { skips: true },
  'closed rows stay closed': { surviving: () => ({ reopen: async () => {} }) },
  'legs that arrived are not compared': { surviving: () => ({ arrivalsFrom: async () => [] }) },
  'legs that arrived and were refused are not compared': {
    surviving: ({ arrivalsFrom }) => ({
      arrivalsFrom: async (...page) => (await arrivalsFrom(...page)).filter(({ status }) => status === 'POSTED'),
    }),
  },
};

describe('a rule that is switched off', () => {
  it.each(Object.keys(BROKEN))(
    'is found: %s',
    async (name) => {
      for (let seed = 1; seed <= BROKEN_SEEDS_MAX; seed++) {
        const history = new RestoredHistory(seed, BROKEN[name]);
        await history.run(TRANSFERS);
        if (history.violations.length === 0 && history.counts.unexpected === 0) continue;
        if (process.env.CROSSING_SEEDS) console.log(name, 'seed', seed, history.violations[0], history.counts);
        return;
      }
      expect.fail('no history was wrong');
    },
    600_000,
  );
});
