import { describe, expect, it } from 'vitest';
import {
  backOrder,
  clientOrderOf,
  firstVerdict,
  inOrder,
  isInnerAccount,
  isLeg,
  LEG_ID_LENGTH_MAX,
  legIdOf,
  outOrder,
  REFUSAL_ORDER,
  returnsAccount,
  returnsOrder,
  transactionIdOf,
  transitAccount,
} from './crossing.ts';
import { ID_LENGTH_MAX, ID_PATTERN } from './ids.ts';
import { LEGS } from './leg-types.ts';
import { REFUSALS } from './problem.ts';
import { refusalOf } from './rules.ts';
import type { Posted, TransferOrder } from './types.ts';

const order: TransferOrder = {
  kind: 'transfer',
  transactionId: 'pay-1',
  source: 'alice@north',
  destination: 'bob@south',
  amount: 700,
  currency: 'EUR',
  timestamp: 5,
  reference: 'rent',
  metadata: { month: 'May' },
  reverses: null,
  user: 'bank',
  correlationId: 'c-1',
};
const side = { balance: 0, version: 1, settingsVersion: 0 };
const posted = (of: TransferOrder, more: Partial<Posted> = {}): Posted => ({
  order: of,
  status: 'POSTED',
  acceptedAt: 1_000,
  takenAt: 990,
  epoch: 1,
  seq: 1,
  replayed: false,
  persisted: true,
  source: side,
  destination: side,
  ...more,
});
const out = posted(outOrder(order, { transit: '~transit:EUR:3', toShard: 2, refusal: null }));

describe('the legs of a crossing', () => {
  it('move money only between one account of the client and an inner account', () => {
    const moves = [
      out.order,
      inOrder(out.order, { transit: '~transit:EUR:9', fromShard: 0 }),
      backOrder(out, { transit: '~transit:EUR:4', toShard: 2 }),
      returnsOrder(out, { transit: '~transit:EUR:4', toShard: 2 }),
    ].map(({ transactionId, source, destination, leg }) => ({ transactionId, source, destination, name: leg?.name }));
    expect(moves).toEqual([
      { transactionId: 'pay-1', source: 'alice@north', destination: '~transit:EUR:3', name: 'out' },
      { transactionId: 'pay-1~0', source: '~transit:EUR:9', destination: 'bob@south', name: 'in' },
      { transactionId: 'pay-1~back', source: '~transit:EUR:4', destination: 'alice@north', name: 'back' },
      { transactionId: 'pay-1~returns', source: '~transit:EUR:4', destination: '~returns:EUR', name: 'returns' },
    ]);
  });

  it('all show the transfer as the client sent it', () => {
    const fromShard = 0;
    for (const leg of [
      out.order,
      inOrder(out.order, { transit: 'x', fromShard }),
      backOrder(out, { transit: 'x', toShard: 2 }),
      returnsOrder(out, { transit: 'x', toShard: 2 }),
    ]) {
      expect(isLeg(leg)).toBe(true);
      expect(clientOrderOf(leg)).toEqual(order);
    }
    expect(isLeg(order)).toBe(false);
    expect(clientOrderOf(order)).toBe(order);
  });

  it('`out` carries the refusal of the destination, and `back` the time at which a limit counted the transfer', () => {
    const refusal = { refusal: 'account_frozen' } as const;
    expect(outOrder(order, { transit: 'x', toShard: 2, refusal }).leg.refusal).toEqual(refusal);
    const countedAt = (counted: 1 | 2 | 3 | undefined) =>
      backOrder(posted(out.order, counted ? { counted } : {}), { transit: 'x', toShard: 2 }).leg.counted;
    expect([1, 3].map((counted) => countedAt(counted as 1 | 3))).toEqual([{ at: 1_000 }, { at: 1_000 }]);
    expect([2, undefined].map((counted) => countedAt(counted as 2 | undefined))).toEqual([undefined, undefined]);
  });
});

describe('ids of legs', () => {
  it('are different, contain the id of the client, and fit their column', () => {
    const longest = 'x'.repeat(ID_LENGTH_MAX);
    const ids = LEGS.map((name) => legIdOf(longest, name, 1023));
    expect(new Set(ids).size).toBe(LEGS.length);
    expect(ids.map(transactionIdOf)).toEqual(LEGS.map(() => longest));
    expect(Math.max(...ids.map(({ length }) => length))).toBeLessThanOrEqual(LEG_ID_LENGTH_MAX);
  });

  it('cannot be sent by clients, except the id of `out`', () => {
    expect(LEGS.filter((name) => ID_PATTERN.test(legIdOf('a', name, 3)))).toEqual(['out']);
    for (const inner of [transitAccount('EUR', 3), returnsAccount('EUR')]) {
      expect(isInnerAccount(inner)).toBe(true);
      expect(ID_PATTERN.test(inner)).toBe(false);
    }
    expect(isInnerAccount('cash')).toBe(false);
  });

  it('of `in` differ between two transfers with the same id from two shards', () => {
    expect(legIdOf('a', 'in', 0)).not.toBe(legIdOf('a', 'in', 1));
  });
});

describe('two refusals', () => {
  it('are reported as the rules would report them inside a shard', () => {
    const party = {
      currency: 'EUR',
      status: 'ACTIVE',
      balance: 0,
      held: 0,
      overdraftLimit: 0,
      external: false,
    } as const;
    const full = { ...party, balance: Number.MAX_SAFE_INTEGER };
    const sources = [
      party,
      { ...party, status: 'SUSPENDED' },
      { ...party, status: 'CLOSED' },
      { ...party, currency: 'USD' },
    ] as const;
    const destinations = [
      full,
      { ...party, status: 'FROZEN' },
      { ...party, status: 'CLOSED' },
      { ...party, currency: 'USD' },
    ] as const;
    const world = { ...party, external: true };
    const verdict = (refusal: ReturnType<typeof refusalOf>) => refusal && { refusal };
    for (const source of sources) {
      for (const destination of destinations) {
        const apart = firstVerdict(
          verdict(refusalOf(source, world, 700, 'EUR')),
          verdict(refusalOf(world, destination, 700, 'EUR')),
        );
        expect(apart?.refusal ?? null).toBe(refusalOf(source, destination, 700, 'EUR'));
      }
    }
  });

  it('are reported with the limit of the source, as the rules would report them', () => {
    const refused = (limit: 'transferMax' | 'balanceMax') =>
      ({ refusal: 'limit_exceeded', limit: { limit, value: 1, remaining: 1 } }) as const;
    expect(firstVerdict(refused('transferMax'), refused('balanceMax'))).toEqual(refused('transferMax'));
    expect(firstVerdict(null, refused('balanceMax'))).toEqual(refused('balanceMax'));
    expect(firstVerdict(null, null)).toBeNull();
    expect([...REFUSAL_ORDER].sort()).toEqual([...REFUSALS].sort());
  });
});
