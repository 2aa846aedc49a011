import { it } from 'vitest';
import { expectValidOfAnyTheme } from './expect-valid.ts';

it('1,000 seeds pass, from seed 1001 on', { timeout: 3_600_000 }, () => expectValidOfAnyTheme(1001, 1_000));
