import { LEGS, type Leg } from '../domain/leg-types.ts';

/**
 * What makes an order a leg of a transfer between shards, as a field of the order in the journal. The refusal that `out`
 * carries is not stored: what became of the leg is in its record.
 */
export type LegFields = [name: number, source: string, destination: string, otherShard: number, countedAt?: number];
export function legFields({ name, source, destination, otherShard, counted }: Leg): LegFields {
  const fields: LegFields = [LEGS.indexOf(name), source, destination, otherShard];
  if (counted) fields.push(counted.at);
  return fields;
}

export function legOf([number, source, destination, otherShard, countedAt]: LegFields): Leg {
  const name = LEGS[number];
  if (name === undefined) throw new RangeError(`leg ${number} is unknown`);
  return { name, source, destination, otherShard, ...(countedAt !== undefined && { counted: { at: countedAt } }) };
}
