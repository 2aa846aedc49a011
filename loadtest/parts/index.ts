import { batch100, batch500 } from './batches.ts';
import { bare, bulk, script, typeorm, typeormHot } from './ceilings.ts';
import { overload } from './overload.ts';
import type { Part } from './part.ts';
import { mixed, reads, readsMax, steady } from './reads.ts';
import { hot, single } from './transfers.ts';

/** All parts, in the order in which they run. */
export const PARTS: readonly Part[] = [
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
