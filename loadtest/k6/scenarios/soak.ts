/**
 * A long mixed day. The same limits apply to each half separately, so that anything that grows with time becomes
 * visible.
 */
import { anyAccount, anyOrder } from '../shared/bank.ts';
import { readBalance, transfer } from '../shared/client.ts';
import { arrivals, below, optionsOf, rateOr, secondsOr } from '../shared/settings.ts';

export { setup } from '../shared/client.ts';
export { handleSummary } from '../shared/summary.ts';

const [rate, seconds] = [rateOr(500), secondsOr(3600)];
const half = Math.max(1, Math.floor(seconds / 2));
const limits = [below('p(95)', 50), below('p(99)', 100)];

export const options = optionsOf(
  { first_half: arrivals('live', rate, half), second_half: arrivals('live', rate, half, half) },
  {
    'http_req_duration{scenario:first_half}': limits,
    'http_req_duration{scenario:second_half}': limits,
  },
  rate * half * 2,
);

export function live(): void {
  if (Math.random() < 0.8) readBalance(anyAccount());
  else transfer(anyOrder());
}
