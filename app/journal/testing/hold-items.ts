import type { HoldChange, HoldOrder } from '../../domain/holds.ts';
import type { HoldItem } from '../hold-codec.ts';
import { order } from './epoch-under-test.ts';

const WHO = { user: 'tester', correlationId: 'c-1' };

let events = 0;
/** A UUIDv7 from the distant past. */
const eventId = () => `01890000-0000-7000-8000-${String(++events).padStart(12, '0')}`;
const event = (holdId: string, account: string) => ({ eventId: eventId(), holdId, account, currency: 'EUR', ...WHO });

/** Places a hold of ada, for any destination. */
export const place = (holdId: string, amount: number, more: Partial<HoldOrder> = {}): HoldItem => ({
  op: 'place',
  order: {
    holdId,
    account: 'ada',
    destination: null,
    amount,
    currency: 'EUR',
    expiresAt: null,
    reference: null,
    metadata: null,
    ...WHO,
    ...more,
  },
});

/** @param amount null: all that is left */
export const capture = (
  holdId: string,
  transactionId: string,
  amount: number | null,
  more: { final?: boolean; source?: string; destination?: string } = {},
): HoldItem => {
  const { final = true, source = 'ada', destination = 'bob' } = more;
  return {
    op: 'capture',
    order: {
      ...order(transactionId, { source, destination, amount: amount ?? 0, ...WHO }),
      kind: 'capture',
      capture: { holdId, amount, destination, final },
    },
  };
};

export const change = (holdId: string, wanted: Partial<HoldChange>, account = 'ada'): HoldItem => ({
  op: 'change',
  wanted: { amount: null, expiresAt: null, expectedRevision: 1, ...wanted },
  ...event(holdId, account),
});

export const voided = (holdId: string, account = 'ada'): HoldItem => ({ op: 'void', ...event(holdId, account) });
export const expired = (holdId: string, account = 'ada'): HoldItem => ({ op: 'expire', ...event(holdId, account) });
