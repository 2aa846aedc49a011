import { it } from 'vitest';
import { expectValid } from './expect-valid.ts';

/** Rare situations: by chance, few runs reach them, and few seeds show a bug there. */
it.each([
  ['stops', 60],
  ['renewals', 150],
  ['changes', 60],
  ['foreign', 60],
  ['formats', 150],
  ['groups', 100],
  ['holds', 150],
  ['midnights', 100],
] as const)('%s: %i seeds pass', { timeout: 3_600_000 }, async (theme, seeds) => {
  await expectValid(theme, 1, seeds);
});
