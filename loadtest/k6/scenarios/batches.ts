/** Batches at a fixed rate; RATE counts requests, `transfers_posted` the transfers in them. */
import { anyOrder } from '../shared/bank.ts';
import { batch } from '../shared/client.ts';
import { arrivals, batchOr, below, optionsOf, rateOr, secondsOr } from '../shared/settings.ts';

export { setup } from '../shared/client.ts';
export { handleSummary } from '../shared/summary.ts';

const [rate, seconds, size] = [rateOr(50), secondsOr(30), batchOr(100)];

export const options = optionsOf(
  { batches: arrivals('pay', rate, seconds, 0, 1000) },
  { 'http_req_duration{scenario:batches}': [below('p(95)', 250), below('p(99)', 500)] },
  rate * seconds,
);

export const pay = (): void => batch(Array.from({ length: size }, anyOrder));
