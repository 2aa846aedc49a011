/**
 * The maximum rate of this service with this generator: a closed loop, because only that finds the maximum. The
 * scenario `overload` doubles this rate. The latencies measured here are those of a queue that is always full, and have
 * no other meaning.
 */
import { anyOrder } from '../shared/bank.ts';
import { batch, transfer } from '../shared/client.ts';
import { batchOr, optionsOf, secondsOr } from '../shared/settings.ts';

export { setup } from '../shared/client.ts';
export { handleSummary } from '../shared/summary.ts';

const [seconds, size] = [secondsOr(15), batchOr(1)];
const CONNECTIONS = 32;

export const options = optionsOf(
  { closed: { executor: 'constant-vus', exec: 'pay', vus: CONNECTIONS, duration: `${seconds}s` } },
  { transfers_posted: ['count>0'] },
  1,
);

export function pay(): void {
  if (size === 1) transfer(anyOrder());
  else batch(Array.from({ length: size }, anyOrder));
}
