import { LEGS, type Leg } from '../domain/leg-types.ts';

/**
 * Encodes the fields of an order that is a leg of a transfer between shards, as one field of the order in the journal. The
 * refusal that `out` carries is not stored, because the record of the leg contains its outcome.
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
