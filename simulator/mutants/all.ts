import { SHARDED_PROTOCOL, type ShardedAssembly } from '../shards/sharded-world.ts';
import { type Assembly, PROTOCOL } from '../world/ports.ts';
import { CHANGING } from './changing.ts';
import { CROSSING, type ShardedMutant } from './crossing.ts';
import { FORMATS } from './formats.ts';
import { GROUPING } from './grouping.ts';
import { HANDING_OVER } from './handing-over.ts';
import { HOLDING } from './holding.ts';
import { LIMITING } from './limiting.ts';
import { MOVING } from './moving.ts';
import type { Mutant } from './mutant.ts';
import { OWNING } from './owning.ts';
import { RECOVERING } from './recovering.ts';
import { REGISTERING } from './registering.ts';
import { REMEMBERING } from './remembering.ts';
import { RESTORING } from './restoring.ts';
import { STOPPING } from './stopping.ts';

/** All mutants; the simulator has to find each of them. */
export const MUTANTS: readonly Mutant[] = [
  ...HANDING_OVER,
  ...REGISTERING,
  ...RECOVERING,
  ...REMEMBERING,
  ...STOPPING,
  ...CHANGING,
  ...MOVING,
  ...OWNING,
  ...GROUPING,
  ...LIMITING,
  ...HOLDING,
  ...FORMATS,
];

/** The mutants of the rules of several shards. */
export const SHARDED_MUTANTS: readonly ShardedMutant[] = [...CROSSING, ...RESTORING];

/** The mutant of this name; null: the unmodified protocol. @throws RangeError if there is no such mutant */
export function assemblyOf(name: string | null): Assembly {
  if (name === null) return PROTOCOL;
  const mutant = MUTANTS.find((one) => one.name === name);
  if (!mutant)
    throw new RangeError(`there is no mutant ${name}; there are ${MUTANTS.map((one) => one.name).join(', ')}`);
  return mutant.assembly;
}

/** The same for worlds with several shards. @throws RangeError */
export function shardedAssemblyOf(name: string | null): ShardedAssembly {
  if (name === null) return SHARDED_PROTOCOL;
  const mutant = SHARDED_MUTANTS.find((one) => one.name === name);
  if (!mutant)
    throw new RangeError(`there is no mutant ${name}; there are ${SHARDED_MUTANTS.map((one) => one.name).join(', ')}`);
  return mutant.assembly;
}
