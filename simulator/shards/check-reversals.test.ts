import { expect, it } from 'vitest';
import { legOf } from '../../app/domain/testing/legs.ts';
import { orderOf } from '../../app/domain/testing/orders.ts';
import type { Posted, TransferOrder } from '../../app/domain/types.ts';
import { Tables } from '../mysql/tables.ts';
import { reversalsIn, wrongReversals } from './check-reversals.ts';

const SIDE = { balance: 0, version: 1, settingsVersion: 1 };
const posted = (order: TransferOrder): Posted => ({
  ...{ order, status: 'POSTED', source: SIDE, destination: SIDE, acceptedAt: 1, takenAt: 1 },
  ...{ epoch: 1, seq: 1, replayed: true, persisted: true },
});
const inside = (transactionId: string, reverses: string | null = null) =>
  posted(orderOf({ transactionId, ...(reverses !== null && { kind: 'reversal' as const, reverses }) }));
/** A leg that leaves shard 0 for shard 2. */
const out = (transactionId: string, reverses: string | null = null) =>
  posted(legOf('out', { transactionId, ...(reverses !== null && { kind: 'reversal' as const, reverses }) }));

/** Three shards with these transfers. */
function shards(...transfers: Posted[][]): Tables[] {
  return [0, 1, 2].map((shard) => {
    const tables = new Tables(() => 0);
    for (const outcome of transfers[shard] ?? []) tables.transfers.set(outcome.order.transactionId, outcome);
    return tables;
  });
}
function close(
  { crossings }: Tables | Record<'crossings', Tables['crossings']>,
  id: string,
  state: 'DONE' | 'RETURNED',
) {
  const closing =
    state === 'DONE'
      ? { transactionId: id, state, balance: 0, version: 1 }
      : { transactionId: id, state, because: null };
  crossings.set(id, { toShard: 2, currency: 'EUR', amount: 1, openedAt: 0, closing });
}

it('A transfer may be reversed once', () => {
  expect(wrongReversals(shards([inside('t'), inside('r1', 't')]))).toEqual([]);
  const twice = shards([inside('t'), inside('r1', 't'), inside('r2', 't')]);
  expect(wrongReversals(twice)).toEqual(['0/t is reversed more than once']);
  expect(reversalsIn(twice)).toBe(2);
  expect(wrongReversals(shards([inside('r1', 't')]))).toEqual(['r1 reverses 0/t, which was not posted']);
});

it('A reversal between shards counts only after it has arrived, and its original must have arrived, too', () => {
  const [source, , destination] = shards([out('r', 't')], [], [out('t')]);
  if (!source || !destination) throw new Error('three shards');
  const all = [source, new Tables(() => 0), destination];
  close(destination, 't', 'RETURNED');
  close(source, 'r', 'RETURNED');
  expect(wrongReversals(all)).toEqual([]);
  close(source, 'r', 'DONE');
  expect(wrongReversals(all)).toEqual(['r reverses 2/t, which was not posted']);
  close(destination, 't', 'DONE');
  expect(wrongReversals(all)).toEqual([]);
});
