import { it } from 'vitest';
import { expectValidOfAnyTheme } from './expect-valid.ts';

it('1,000 seeds pass, from seed 1 on', { timeout: 3_600_000 }, () => expectValidOfAnyTheme(1, 1_000));
