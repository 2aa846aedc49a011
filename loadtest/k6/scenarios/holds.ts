/** Holds that are placed and captured at a fixed rate; RATE counts holds, and each hold takes two requests. */
import { anyOrder } from '../shared/bank.ts';
import { authorizeAndCapture } from '../shared/client.ts';
import { arrivals, below, optionsOf, rateOr, secondsOr } from '../shared/settings.ts';

export { setup } from '../shared/client.ts';
export { handleSummary } from '../shared/summary.ts';

const [rate, seconds] = [rateOr(500), secondsOr(30)];

export const options = optionsOf(
  { holds: arrivals('pay', rate, seconds) },
  {
    'http_req_duration{name:place}': [below('p(95)', 50), below('p(99)', 100)],
    'http_req_duration{name:capture}': [below('p(95)', 50), below('p(99)', 100)],
  },
  rate * seconds,
);

export const pay = (): void => authorizeAndCapture(anyOrder());
