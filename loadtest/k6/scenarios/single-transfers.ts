/** Single transfers at a fixed rate. */
import { anyOrder } from '../shared/bank.ts';
import { transfer } from '../shared/client.ts';
import { arrivals, below, optionsOf, rateOr, secondsOr } from '../shared/settings.ts';

export { setup } from '../shared/client.ts';
export { handleSummary } from '../shared/summary.ts';

const [rate, seconds] = [rateOr(1000), secondsOr(30)];

export const options = optionsOf(
  { transfers: arrivals('pay', rate, seconds) },
  { 'http_req_duration{scenario:transfers}': [below('p(95)', 50), below('p(99)', 100)] },
  rate * seconds,
);

export const pay = (): void => transfer(anyOrder());
