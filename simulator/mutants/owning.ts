import type { FenceCaller } from '../../app/journal/cache-port.ts';
import { CacheModel } from '../../app/journal/testing/cache-model.ts';
import { PROTOCOL } from '../world/ports.ts';
import { type Mutant, scripts } from './mutant.ts';

/** Treats every caller as the owner. */
function ownedByAnybody(replid: string): CacheModel {
  return Object.defineProperty(new CacheModel(replid), 'ledger', { get: () => 'anybody', set() {} });
}

class AnybodySweeps extends CacheModel {
  override sweepEpochsBefore(epoch: number, caller: FenceCaller) {
    return this.as('ledger', () => super.sweepEpochsBefore(epoch, caller));
  }
}

/** Rules about the ownership of Redis. */
export const OWNING: Mutant[] = [
  {
    name: 'no-owner',
    rule: 'A keeper script is refused on the Redis of another ledger.',
    theme: 'foreign',
    assembly: { ...PROTOCOL, newModel: ownedByAnybody },
  },
  {
    name: 'anybody-sweeps',
    rule: 'The script that sweeps ended epochs deletes only keys of its own ledger.',
    theme: 'foreign',
    assembly: scripts(AnybodySweeps),
  },
];
