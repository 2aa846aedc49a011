import { batch100, batch500 } from './batches.ts';
import { bare, bulk, script, typeorm, typeormHot } from './ceilings.ts';
import { overload } from './overload.ts';
import type { Part } from './part.ts';
import { mixed, reads, readsMax, steady } from './reads.ts';
import { hot, single } from './transfers.ts';

/** All parts, in the order in which they run. */
const PARTS: readonly Part[] = [
  single,
  hot,
  steady,
  batch100,
  batch500,
  reads,
  readsMax,
  mixed,
  overload,
  bare,
  script,
  bulk,
  typeorm,
  typeormHot,
];

/** @throws RangeError that says which there are */
export function partsOf(names: string | undefined): readonly Part[] {
  if (names === undefined) return PARTS;
  const wanted = new Set(names.split(','));
  for (const name of wanted) {
    if (!PARTS.some((part) => part.name === name)) {
      throw new RangeError(`--only knows no ${name}; there are ${PARTS.map((part) => part.name).join(', ')}`);
    }
  }
  return PARTS.filter(({ name }) => wanted.has(name));
}
