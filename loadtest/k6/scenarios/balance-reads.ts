/** Balance reads at a fixed rate. */
import { anyAccount } from '../shared/bank.ts';
import { readBalance } from '../shared/client.ts';
import { arrivals, below, optionsOf, rateOr, secondsOr } from '../shared/settings.ts';

export { setup } from '../shared/client.ts';
export { handleSummary } from '../shared/summary.ts';

const [rate, seconds] = [rateOr(1000), secondsOr(30)];

export const options = optionsOf(
  { reads: arrivals('read', rate, seconds) },
  { 'http_req_duration{scenario:reads}': [below('p(99)', 10)] },
  rate * seconds,
);

export const read = (): void => readBalance(anyAccount());
