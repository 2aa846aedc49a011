/**
 * Offers twice the rate that the service can handle. The service must keep its best rate (BEST, which `capacity`
 * measures) and refuse the rest quickly. Arrivals that k6 could not send are dropped and reported, but do not count
 * against the service. Refusals with `Retry-After` are expected here, and counted separately.
 */
import { anyOrder } from '../shared/bank.ts';
import { batch, expectRefusals, transfer } from '../shared/client.ts';
import { arrivals, batchOr, below, bestRate, optionsOfAll, rateOr, secondsOr } from '../shared/settings.ts';

export { setup } from '../shared/client.ts';
export { handleSummary } from '../shared/summary.ts';

const size = batchOr(1);
const [rate, seconds] = [rateOr(Math.max(1, Math.ceil((bestRate * 2) / size) || 2000)), secondsOr(30)];
const REFUSED_MS_MAX = 20;
/** The goal is at least 95 % of the best rate. */
const OF_BEST = 0.95;

expectRefusals();

export const options = optionsOfAll(
  { overload: arrivals('payIfYouCan', rate, seconds, 0, 5000) },
  {
    refusal_duration: [below('p(95)', REFUSED_MS_MAX)],
    transfers_posted: [`count>=${Math.max(1, Math.floor(bestRate * OF_BEST * seconds))}`],
  },
);

export function payIfYouCan(): void {
  if (size === 1) transfer(anyOrder(), true);
  else batch(Array.from({ length: size }, anyOrder), true);
}
