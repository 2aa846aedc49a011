import type { Format } from './authority.ts';
import { Problem } from './problem.ts';

/** The features that the rules have from format 2 on. */
export type Feature = 'holds' | 'limits' | 'groups' | 'events';

/**
 * Called for every use of a feature, before anything else is done for the request. A format that was read some time ago
 * may be too low, but never too high.
 * @param format as the session has last read it
 * @throws Problem feature_not_active, ledger_switching
 */
export function requireFeature(format: Format | null, feature: Feature): void {
  if (format === null) throw new Problem('ledger_switching', 'this pod has not read the format of the rules yet');
  if (format === 1) {
    throw new Problem(
      'feature_not_active',
      `this ledger has no ${feature} yet, because its rules are in format 1: an operator moves it to format 2 with POST /v1/ops/format`,
    );
  }
}
