/** A mixed day: of five requests, four read a balance and one makes a transfer. */
import { anyAccount, anyOrder } from '../shared/bank.ts';
import { readBalance, transfer } from '../shared/client.ts';
import { arrivals, below, optionsOf, rateOr, secondsOr } from '../shared/settings.ts';

export { setup } from '../shared/client.ts';
export { handleSummary } from '../shared/summary.ts';

const [rate, seconds] = [rateOr(1000), secondsOr(30)];
const payments = Math.max(1, Math.round(rate / 5));

export const options = optionsOf(
  {
    reads: arrivals('read', Math.max(1, rate - payments), seconds),
    transfers: arrivals('pay', payments, seconds),
  },
  {
    'http_req_duration{scenario:reads}': [below('p(95)', 10)],
    'http_req_duration{scenario:transfers}': [below('p(95)', 10)],
  },
  rate * seconds,
);

export const read = (): void => readBalance(anyAccount());
export const pay = (): void => transfer(anyOrder());
