import { expect } from 'vitest';
import type { System } from '../../verification/harness/system.ts';
import { experiment } from './experiment.ts';
import type { Ground, Hypothesis } from './hypothesis.ts';

/** The longest time for starting or stopping the environment of an experiment. */
export const START_MS_MAX = 600_000;
export const TEST_MS_MAX = 600_000;

/** Only `npm run resilience` checks durations, because here, other tests run on the machine at the same time. */
export async function mustHold<G extends Ground<System>>(hypothesis: Hypothesis<G>, ground: G): Promise<void> {
  const { verdict, violations, wrongs, unknown, lost, doubled, overdrawn, reconciled } = await experiment(
    hypothesis,
    ground,
    true,
  );
  expect({ verdict, violations, wrongs, unknown, lost, doubled, overdrawn, reconciled }).toEqual({
    verdict: 'valid',
    violations: [],
    wrongs: [],
    unknown: 0,
    lost: 0,
    doubled: 0,
    overdrawn: 0,
    reconciled: true,
  });
}
