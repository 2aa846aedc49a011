/** Single transfers that all have one account as source or destination. The limits are those of any other transfer. */
import { hotOrder } from '../shared/bank.ts';
import { transfer } from '../shared/client.ts';
import { arrivals, below, optionsOf, rateOr, secondsOr } from '../shared/settings.ts';

export { setup } from '../shared/client.ts';
export { handleSummary } from '../shared/summary.ts';

const [rate, seconds] = [rateOr(1000), secondsOr(30)];

export const options = optionsOf(
  { hot: arrivals('pay', rate, seconds) },
  { 'http_req_duration{scenario:hot}': [below('p(95)', 50), below('p(99)', 100)] },
  rate * seconds,
);

export const pay = (): void => transfer(hotOrder());
