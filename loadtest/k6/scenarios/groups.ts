/** Groups at a fixed rate; RATE counts requests, `transfers_posted` the transfers in them. */
import { anyOrder } from '../shared/bank.ts';
import { group } from '../shared/client.ts';
import { arrivals, batchOr, below, optionsOf, rateOr, secondsOr } from '../shared/settings.ts';

export { setup } from '../shared/client.ts';
export { handleSummary } from '../shared/summary.ts';

const GROUP_MAX = 100;
const [rate, seconds, size] = [rateOr(100), secondsOr(30), Math.min(batchOr(10), GROUP_MAX)];

export const options = optionsOf(
  { groups: arrivals('pay', rate, seconds) },
  { 'http_req_duration{scenario:groups}': [below('p(95)', 50), below('p(99)', 100)] },
  rate * seconds,
);

export const pay = (): void => group(Array.from({ length: size }, anyOrder));
