import fc from 'fast-check';
import { backOrder, inOrder, type LegOrder, outOrder, returnsOrder, transitAccount } from '../crossing.ts';
import { LEGS, type Leg, type LegName } from '../leg-types.ts';
import { REFUSALS } from '../problem.ts';
import type { Posted, TransferOrder } from '../types.ts';
import { orderOf } from './orders.ts';

const SIDE = { balance: 0, version: 1, settingsVersion: 1 };

/**
 * A leg of a transfer from shard 0 to shard 2, by default of 1.00 EUR from `a` to `b`.
 * @param order as the client sent it @param more `out`: parts to replace in the posted outcome of `out`; `leg`: parts
 * to replace in the leg itself
 */
export function legOf(
  name: LegName,
  order: Partial<TransferOrder> = {},
  more: { stripe?: number; out?: Partial<Posted>; leg?: Partial<Leg> } = {},
): LegOrder {
  const client = orderOf({ source: 'a', destination: 'b', ...order });
  const transit = transitAccount(client.currency, more.stripe ?? 0);
  const out = outOrder(client, { transit, toShard: 2, refusal: null });
  const done = { acceptedAt: 7, takenAt: 7, epoch: 1, seq: 1, replayed: false, persisted: true };
  const posted: Posted = { ...done, order: out, status: 'POSTED', source: SIDE, destination: SIDE, ...more.out };
  const legs = {
    out,
    in: inOrder(client, { transit, fromShard: 0 }),
    back: backOrder(posted, { transit, toShard: 2 }),
    returns: returnsOrder(posted, { transit, toShard: 2 }),
  } satisfies Record<LegName, LegOrder>;
  const leg = legs[name];
  return { ...leg, leg: { ...leg.leg, ...more.leg } };
}

/**
 * A leg for tests of the rules, which accept any account as the transit account. @param times at which `out` may have been
 * counted
 */
export const anyLeg = (times: readonly number[]): fc.Arbitrary<Leg> =>
  fc
    .record({
      // Only `out` carries a refusal, and there are seven refusals, so `out` is generated more often.
      name: fc.constantFrom('out' as const, 'out' as const, ...LEGS),
      refusal: fc.option(fc.constantFrom(...REFUSALS), { freq: 3 }),
      at: fc.option(fc.constantFrom(1, ...times), { freq: 3 }),
    })
    .map(({ name, refusal, at }) => ({
      name,
      source: 'x',
      destination: 'y',
      otherShard: 1,
      ...(name === 'out' && refusal && { refusal: { refusal, ...(refusal === 'limit_exceeded' && { limit: LIMIT }) } }),
      ...(name === 'back' && at !== null && { counted: { at } }),
    }));
const LIMIT = { limit: 'balanceMax', value: 9, remaining: 4 } as const;
